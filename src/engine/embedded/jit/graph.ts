import {
  atomicOf,
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  decodeInsns,
  type Insn,
  insnSlots,
  jumpTarget,
  type Operation,
  operationOf,
} from '../../../isa/index.ts';
import { BPF_FUNC_tail_call, type Marks } from '../interp/code.ts';

/**
 * An instruction of a function into which others were put. Registers are numbered on: those of the function are 0 to 10, and each level of functions that were put into
 * it has five more, for what those have of their own: r6 to r9 and r10.
 */
export interface Op {
  readonly operation: Operation;
  readonly dst: number;
  readonly src: number;
  /** The register that it writes what it is there for; -1: none. Calls and loads from the packet leave nothing in r1 to r5 besides. */
  readonly result: number;
  readonly off: number;
  readonly imm: number;
  /** Of `ld_imm64`: the high word. */
  readonly high: number;
  /** Number of the instruction in the program. */
  readonly slot: number;
  /** How many functions it was put into. */
  readonly depth: number;
  /** Of a load that gives 0 where there is no memory: its address is a number of the kernel's that nobody has checked. */
  readonly probed: boolean;
  /** Of a load, a store or an atomic: it goes to the arena. */
  readonly inArena: boolean;
  /** Of a call that looks an element up: the register that the key is in, where it is not in memory. */
  readonly key: number | undefined;
}

/** An instruction that stands in the place of another, or of a part of it: `dst` is what it leaves its result in. */
export function inPlaceOf(
  { slot, depth }: Op,
  operation: Operation,
  dst: number,
  { src = 0, off = 0, imm = 0 }: { readonly src?: number; readonly off?: number; readonly imm?: number },
): Op {
  // biome-ignore format: a list
  return { operation, dst, src, result: dst, off, imm, high: 0, slot, depth, probed: false, inArena: false, key: undefined };
}

/** Where control goes at the end of a block; blocks by their numbers. */
export type End =
  | { readonly kind: 'goto'; readonly to: number }
  | { readonly kind: 'branch'; readonly op: Op; readonly taken: number; readonly next: number }
  /** To what the low word of a register says: the first of `targets` for `low`, the next for `low + 1`; `otherwise` for what none is for. `ways`: each of them once. */
  | {
      readonly kind: 'switch';
      readonly reg: number;
      readonly low: number;
      readonly targets: readonly number[];
      readonly otherwise: number;
      readonly ways: readonly Way[];
    }
  | { readonly kind: 'exit' };

/** A block that a switch leads to, with the least and the greatest word for which it does. */
export interface Way {
  readonly to: number;
  readonly least: number;
  readonly most: number;
}

export interface Block {
  readonly ops: readonly Op[];
  readonly end: End;
}

/** One function, with those that were put into it. Block 0 is where it begins. */
export interface Graph {
  /** Number of its first instruction. */
  readonly start: number;
  readonly blocks: readonly Block[];
  /** How many registers it has. */
  readonly registers: number;
  /** How many stacks of 512 bytes it has: its own, and those of what was put into it. */
  readonly frames: number;
}

/** Registers that a function has for itself: r6 to r10. */
const OWN = 5;
const FIRST_OWN = 6;
const FRAME = 10;
const MAX_DEPTH = 7;
const CALL = BPF_JMP | BPF_CALL;
const EXIT: End = { kind: 'exit' };
/** Instructions of a function that is put into others wherever it is called. */
const MAX_INLINED = 200;
/** Instructions that a function may have in all; beyond, what it calls stays where it is. */
const MAX_OPS = 8000;

/** An instruction of a function as it is in the program, its two slots as one. */
interface Place {
  readonly at: number;
  readonly insn: Insn;
  readonly operation: Operation;
}

/** What of a program's functions its instructions do not say. */
interface Around {
  readonly exceptionCallback?: number | undefined;
  readonly replaced?: ReadonlySet<number>;
}

const NOTHING: ReadonlySet<number> = new Set();

/** A program as its functions. */
export class Functions {
  readonly #insns: readonly Insn[];
  readonly #starts: readonly number[];
  readonly probed: ReadonlySet<number> | undefined;
  readonly inArena: ReadonlySet<number> | undefined;
  readonly #places = new Map<number, readonly Place[]>();
  readonly #inlined = new Map<number, boolean>();
  readonly #replaced: ReadonlySet<number>;

  /** `runnable`: with the addresses of maps. `exceptionCallback`: where a function begins to which no instruction leads. `replaced`: where functions begin that are not called, but something else. */
  constructor(runnable: Uint8Array, { exceptionCallback, probed, inArena, replaced = NOTHING }: Marks & Around = {}) {
    this.#replaced = replaced;
    this.probed = probed;
    this.inArena = inArena;
    this.#insns = decodeInsns(runnable);
    const starts = new Set([0, exceptionCallback ?? 0]);
    for (let at = 0; at < this.#insns.length; at++) {
      const insn = this.#insns[at] as Insn; // below the length
      const callee = calleeOf(insn, at) ?? functionOf(insn, at);
      if (callee !== undefined) starts.add(callee);
      at += insnSlots(insn) - 1;
    }
    this.#starts = [...starts].sort((a, b) => a - b);
  }

  /** The function that begins at an instruction. */
  graph(start: number): Graph {
    return new GraphBuilder(this).build(start);
  }

  /** Each instruction of a function. */
  insns(start: number): readonly Place[] {
    const known = this.#places.get(start);
    if (known !== undefined) return known;
    const places: Place[] = [];
    const end = this.#starts.find((other) => other > start) ?? this.#insns.length;
    for (let at = start; at < end; ) {
      const insn = this.#insns[at];
      const operation = insn && operationOf(insn.opcode);
      if (insn === undefined || operation === undefined) throw new Error(`there is no instruction ${at}`);
      places.push({ at, insn, operation });
      at += insnSlots(insn);
    }
    this.#places.set(start, places);
    return places;
  }

  high(at: number): number {
    return this.#insns[at + 1]?.imm ?? 0;
  }

  isReplaced(start: number): boolean {
    return this.#replaced.has(start);
  }

  /** Whether a function is put in where it is called: it is short, and what it does means the same there. */
  isInlined(start: number): boolean {
    if (this.#replaced.has(start)) return false;
    let known = this.#inlined.get(start);
    if (known === undefined) {
      const insns = this.insns(start);
      known = insns.length <= MAX_INLINED && insns.every(({ insn, operation }) => canBeElsewhere(insn, operation));
      this.#inlined.set(start, known);
    }
    return known;
  }
}

/** Not: what ends the function that it is in, or counts how often that goes round. */
function canBeElsewhere(insn: Insn, { kind }: Operation): boolean {
  if (kind === 'ld_abs' || kind === 'ld_ind' || kind === 'may_goto') return false;
  return kind !== 'call' || insn.src !== 0 || insn.imm !== BPF_FUNC_tail_call;
}

/** The function that an instruction calls. */
export function calleeOf(insn: Pick<Insn, 'opcode' | 'src' | 'imm'>, at: number): number | undefined {
  return insn.src === BPF_PSEUDO_CALL && insn.opcode === CALL ? at + 1 + insn.imm : undefined;
}

/** The function that a pointer leads to. */
function functionOf(insn: Insn, at: number): number | undefined {
  return insnSlots(insn) === 2 && insn.src === BPF_PSEUDO_FUNC ? at + 1 + insn.imm : undefined;
}

class GraphBuilder {
  readonly #functions: Functions;
  readonly #blocks: { ops: Op[]; end: End | undefined }[] = [];
  #count = 0;
  #deepest = 0;

  constructor(functions: Functions) {
    this.#functions = functions;
  }

  build(start: number): Graph {
    this.#place(start, 0, undefined);
    return {
      start,
      blocks: this.#blocks.map(({ ops, end }) => ({ ops, end: end ?? EXIT })),
      registers: FRAME + 1 + OWN * this.#deepest,
      frames: this.#deepest + 1,
    };
  }

  /** Puts a function in; its first block. `returnTo`: the block that goes on when it is over. */
  #place(start: number, depth: number, returnTo: number | undefined): number {
    this.#deepest = Math.max(this.#deepest, depth);
    const places = this.#functions.insns(start);
    const blockAt = this.#blocksOf(start, places);
    const blockOf = (at: number): number => {
      const block = blockAt.get(at);
      if (block === undefined) throw new Error(`nothing leads to instruction ${at}`);
      return block;
    };
    const first = blockOf(start);
    let block = first;
    for (const { at, insn, operation } of places) {
      const here = blockAt.get(at);
      if (here !== undefined && here !== block) {
        this.#end(block, { kind: 'goto', to: here });
        block = here;
      }
      const { kind } = operation;
      if (kind === 'exit') {
        this.#end(block, returnTo === undefined ? EXIT : { kind: 'goto', to: returnTo });
      } else if (kind === 'goto') {
        this.#end(block, { kind: 'goto', to: blockOf(jumpTarget(insn, at) ?? at + 1) });
      } else if (kind === 'jump' || kind === 'may_goto') {
        const [taken, next] = [blockOf(jumpTarget(insn, at) ?? at + 1), blockOf(at + 1)];
        if (taken === next) this.#end(block, { kind: 'goto', to: taken });
        else this.#end(block, { kind: 'branch', op: this.#op(at, insn, operation, depth), taken, next });
      } else {
        const callee = kind === 'call' && depth < MAX_DEPTH ? calleeOf(insn, at) : undefined;
        if (callee !== undefined && this.#fits(callee)) {
          const after = this.#newBlock();
          this.#end(block, { kind: 'goto', to: this.#place(callee, depth + 1, after) });
          block = after;
        } else {
          this.#blocks[block]?.ops.push(this.#op(at, insn, operation, depth));
          this.#count++;
        }
      }
    }
    return first;
  }

  #op(at: number, insn: Insn, operation: Operation, depth: number): Op {
    const [dst, src] = [register(insn.dst, depth), register(insn.src, depth)];
    return {
      operation,
      dst,
      src,
      result: resultOf(operation, dst, src, insn.imm),
      off: insn.off,
      imm: insn.imm,
      high: operation.kind === 'ld_imm64' ? this.#functions.high(at) : 0,
      slot: at,
      depth,
      probed: this.#functions.probed?.has(at) ?? false,
      inArena: this.#functions.inArena?.has(at) ?? false,
      key: undefined,
    };
  }

  /** A block for each instruction that control goes to. */
  #blocksOf(start: number, places: readonly Place[]): ReadonlyMap<number, number> {
    const leaders = new Map([[start, this.#newBlock()]]);
    const end = places.at(-1);
    const lead = (at: number) => {
      if (!leaders.has(at)) leaders.set(at, this.#newBlock());
    };
    for (const place of places) {
      const { kind } = place.operation;
      if (kind !== 'jump' && kind !== 'may_goto' && kind !== 'goto' && kind !== 'exit') continue;
      const target = jumpTarget(place.insn, place.at);
      if (target !== undefined) lead(target);
      // What follows the last instruction is another function.
      if (place !== end) lead(place.at + 1);
    }
    return leaders;
  }

  #fits(callee: number): boolean {
    return this.#count <= MAX_OPS && this.#functions.isInlined(callee);
  }

  #newBlock(): number {
    return this.#blocks.push({ ops: [], end: undefined }) - 1;
  }

  #end(block: number, end: End): void {
    const entry = this.#blocks[block];
    if (entry !== undefined && entry.end === undefined) entry.end = end;
  }
}

function register(number: number, depth: number): number {
  return depth === 0 || number < FIRST_OWN ? number : FRAME + 1 + OWN * (depth - 1) + number - FIRST_OWN;
}

/** The register that leads to the stack of a level. */
export function frameRegister(depth: number): number {
  return register(FRAME, depth);
}

/** The register that an instruction leaves its result in. */
function resultOf(operation: Operation, dst: number, src: number, imm: number): number {
  switch (operation.kind) {
    case 'alu':
    case 'neg':
    case 'end':
    case 'load':
    case 'ld_imm64':
      return dst;
    case 'call':
    case 'ld_abs':
    case 'ld_ind':
      return 0;
    case 'atomic': {
      const atomic = atomicOf(imm);
      if (atomic?.op === 'load') return dst;
      if (!atomic?.fetch) return -1;
      return atomic.op === 'cmpxchg' ? 0 : src;
    }
    default:
      return -1;
  }
}
