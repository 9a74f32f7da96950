import type { Reg } from './reg.ts';
import { NOT_INIT, Reg as Register } from './reg.ts';
import { EMPTY_SLOT, type Slot } from './stack-slot.ts';

/** `callsite` of a frame that nobody called. */
export const MAIN_FUNC = -1;

/** One function that is being run. */
export class Frame {
  regs: Reg[] = [];
  /** By distance from the frame pointer: slot 0 is at fp-8. */
  stack: Slot[] = [];
  /** Number of the call instruction. */
  readonly callsite: number;
  readonly frameno: number;
  readonly subprogno: number;
  asyncEntryCount = 0;
  inCallback = false;
  inAsyncCallback = false;
  inExceptionCallback = false;
  /** What a callback may return. */
  callbackRange: readonly [min: number, max: number] = [0, 0];
  /** How often the callback that is being called was. */
  callbackDepth = 0;

  constructor(callsite: number, frameno: number, subprogno: number) {
    this.callsite = callsite;
    this.frameno = frameno;
    this.subprogno = subprogno;
  }

  /** One that has just been called, or is where a program begins. */
  static enter(callsite: number, frameno: number, subprogno: number): Frame {
    const frame = new Frame(callsite, frameno, subprogno);
    frame.regs = new Array(11).fill(NOT_INIT);
    frame.regs[10] = Register.pointer('stack', { frameno });
    return frame;
  }

  copy(): Frame {
    const frame = new Frame(this.callsite, this.frameno, this.subprogno);
    frame.regs = this.regs.slice();
    frame.stack = this.stack.slice();
    frame.asyncEntryCount = this.asyncEntryCount;
    frame.inCallback = this.inCallback;
    frame.inAsyncCallback = this.inAsyncCallback;
    frame.inExceptionCallback = this.inExceptionCallback;
    frame.callbackRange = this.callbackRange;
    frame.callbackDepth = this.callbackDepth;
    return frame;
  }

  reg(number: number): Reg {
    return this.regs[number] ?? NOT_INIT;
  }

  slot(spi: number): Slot {
    return this.stack[spi] ?? EMPTY_SLOT;
  }

  /** Bytes. */
  get stackSize(): number {
    return 8 * this.stack.length;
  }

  /** Makes the stack at least so many bytes large. */
  growStack(size: number): void {
    while (8 * this.stack.length < size) this.stack.push(EMPTY_SLOT);
  }
}

/** Something that has to be given back. */
export interface Reference {
  readonly kind: 'pointer' | 'irq' | 'lock' | 'res_lock' | 'res_lock_irq';
  readonly id: number;
  /** Where it was taken. */
  readonly insn: number;
  /** Of a lock: the map, or the BTF, that it is in. */
  readonly holder?: object | undefined;
}

/** An instruction that was passed, as far as going back needs it: jumps, and accesses of the stack. */
export interface HistoryEntry {
  readonly insn: number;
  /** The one before it. */
  readonly previous: number;
  /** It read or wrote this slot of this frame. */
  stackAccess: { readonly frameno: number; readonly spi: number } | undefined;
  srcIsStack: boolean;
  dstIsStack: boolean;
  /** What is the same number, or differs from it by a constant. */
  linked: readonly LinkedReg[] | undefined;
  readonly before: HistoryEntry | undefined;
  readonly count: number;
}

export interface LinkedReg {
  readonly frameno: number;
  readonly isReg: boolean;
  /** Of a register, or of a slot. */
  readonly number: number;
}

/** All that is known at one point of one path. */
export class State {
  frames: Frame[];
  references: readonly Reference[] = [];
  activeLocks = 0;
  /** The lock that was taken last. */
  activeLockId = 0;
  activeLockHolder: object | undefined;
  activeIrqId = 0;
  activeRcu = false;
  activePreempt = 0;
  inSleepable = false;

  /** Paths from here that are not followed to their end. */
  branches = 1;
  parent: State | undefined;
  /** Where it was kept. */
  insn = 0;
  firstInsn = 0;
  lastInsn = 0;
  history: HistoryEntry | undefined;
  dfsDepth = 0;
  mayGotoDepth = 0;
  callbackUnrollDepth = 0;
  /** The outermost loop that it is in, and how that was come to; empty: none. */
  loop: string | undefined;
  /** What nobody reads any more was taken out of it. */
  cleaned = false;
  hits = 0;
  misses = 0;
  /** It is not kept any more, but for the paths from it. */
  dropped = false;

  constructor(frames: Frame[]) {
    this.frames = frames;
  }

  copy(): State {
    const state = new State(this.frames.map((frame) => frame.copy()));
    state.references = this.references;
    state.activeLocks = this.activeLocks;
    state.activeLockId = this.activeLockId;
    state.activeLockHolder = this.activeLockHolder;
    state.activeIrqId = this.activeIrqId;
    state.activeRcu = this.activeRcu;
    state.activePreempt = this.activePreempt;
    state.inSleepable = this.inSleepable;
    state.branches = this.branches;
    state.parent = this.parent;
    state.firstInsn = this.firstInsn;
    state.lastInsn = this.lastInsn;
    state.history = this.history;
    state.dfsDepth = this.dfsDepth;
    state.mayGotoDepth = this.mayGotoDepth;
    state.callbackUnrollDepth = this.callbackUnrollDepth;
    return state;
  }

  get curframe(): number {
    return this.frames.length - 1;
  }

  get frame(): Frame {
    const frame = this.frames[this.frames.length - 1];
    if (frame === undefined) throw new Error('a state has a frame');
    return frame;
  }

  /** The instruction at which a frame is. */
  insnOf(frameno: number): number {
    const next = this.frames[frameno + 1];
    return next === undefined ? this.insn : next.callsite;
  }

  /** Replaces each register and each spilled one by what `change` makes of it. `place`: the register, or below 0 the distance from the frame pointer. */
  mapRegs(change: (reg: Reg, frameno: number, place: number) => Reg): void {
    for (const { regs, stack, frameno } of this.frames) {
      for (let i = 0; i < regs.length; i++) {
        const reg = regs[i] as Reg; // i is below the length
        const changed = change(reg, frameno, i);
        if (changed !== reg) regs[i] = changed;
      }
      for (let i = 0; i < stack.length; i++) {
        const slot = stack[i] as Slot; // i is below the length
        if (slot.types >>> 28 !== 1) continue;
        const changed = change(slot.reg, frameno, -8 * (i + 1));
        if (changed !== slot.reg) stack[i] = { types: slot.types, reg: changed };
      }
    }
  }

  hasSameCallsites(other: State): boolean {
    if (this.frames.length !== other.frames.length) return false;
    for (let i = 0; i < this.frames.length; i++)
      if (this.frames[i]?.callsite !== other.frames[i]?.callsite) return false;
    return true;
  }
}
