import type { Reg, RegKind } from './reg.ts';

/** States are kept here, and compared. */
export const PRUNE_POINT = 1 << 0;
/** Going back needs to know where the path came from. */
export const JUMP_POINT = 1 << 1;
/** A state is kept each time. */
export const FORCE_CHECKPOINT = 1 << 2;
export const CALLS_CALLBACK = 1 << 3;
export const ITER_NEXT = 1 << 4;
export const JUMP_TARGET = 1 << 5;
/** Some path comes to it. */
export const SEEN = 1 << 6;
/** Arithmetic of 64 bits on a pointer into an arena: 32 bits are it all. */
export const NARROWED = 1 << 7;
/** Saves or restores a register around a call that clobbers nothing. */
export const FASTCALL = 1 << 8;

/** Some path comes to it again. */
export const REPEATED = 1 << 9;

/** What is known of each instruction, whatever path leads to it. A program has up to a million: arrays of numbers, no object for each. */
export class InsnFacts {
  readonly #marks: Uint16Array;
  /** Registers that may be read from here on before they are written. Bits. */
  readonly liveRegs: Uint16Array;
  /** The loop that it is in: a strongly connected component; 0: none. */
  readonly scc: Int32Array;
  /** Of a call that is inlined: how many registers are saved before it and restored after it for nothing. */
  readonly needlessSpills: Uint8Array;
  /** What the pointer is that it goes through, which has to be the same on all paths. */
  readonly pointerKinds: (RegKind | undefined)[];
  readonly pointerFlags: Uint16Array;
  /** Its constant: kept where it is asked for again, since of long straight programs each would outlive what is soon gone. */
  readonly immediates: (Reg | undefined)[];

  constructor(count: number) {
    this.#marks = new Uint16Array(count);
    this.liveRegs = new Uint16Array(count);
    this.scc = new Int32Array(count);
    this.needlessSpills = new Uint8Array(count);
    this.pointerKinds = new Array(count);
    this.pointerFlags = new Uint16Array(count);
    this.immediates = new Array(count);
  }

  has(insn: number, mark: number): boolean {
    return ((this.#marks[insn] ?? 0) & mark) !== 0;
  }

  /** `marks`: one or several. An instruction that is not there has none. */
  mark(insn: number, marks: number): void {
    this.#marks[insn] = (this.#marks[insn] ?? 0) | marks;
  }

  unmark(insn: number, marks: number): void {
    this.#marks[insn] = (this.#marks[insn] ?? 0) & ~marks;
  }

  /** Those that have the mark: 1, by instruction. */
  marked(mark: number): Uint8Array {
    const found = new Uint8Array(this.#marks.length);
    for (let i = 0; i < found.length; i++) if (this.has(i, mark)) found[i] = 1;
    return found;
  }
}
