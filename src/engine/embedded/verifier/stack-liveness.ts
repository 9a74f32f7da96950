import { type BackwardFlow, backwardFlow } from './backward-flow.ts';
import type { Env } from './env.ts';
import { CALLS_CALLBACK, PRUNE_POINT } from './insn-facts.ts';
import { andNot, Int64 } from './int64.ts';
import { slotsText } from './stack-slot.ts';
import type { State } from './state.ts';
import type { Subprog } from './subprog.ts';

/** Slots of one frame, by bits: of each instruction of a function the low and the high word. */
interface Masks {
  readonly mayRead: Int32Array;
  readonly mustWrite: Int32Array;
  /** By it or by whatever follows in the function. */
  readonly mustWriteLater: Int32Array;
  readonly liveBefore: Int32Array;
  /** 1: what it is worked out from has changed since. By places of the function's backward flow. */
  readonly stale: Uint8Array;
}

/** A function as called along one chain of calls. */
interface Instance {
  readonly subprog: Subprog;
  readonly flow: BackwardFlow;
  /** What calls it, and where; `undefined`: the chain begins with it. */
  readonly outer: Instance | undefined;
  readonly callsite: number;
  /** The frames below it and its own. */
  readonly depth: number;
  /** What it calls, by function and place. */
  readonly inner: Map<number, Instance>;
  readonly frames: (Masks | undefined)[];
  /** By instructions: one of the three below. */
  readonly writesKnown: Uint8Array;
  updated: boolean;
  writesDropped: boolean;
}

const UNKNOWN_WRITES = 0;
const NO_WRITES = 1;
/** Or there were some once. */
const SOME_WRITES = 2;

/** Frames, each with two words. */
const FRAME_WORDS = 2 * 8;

/**
 * Which slots of the stack may still be read. What the paths read and surely write is collected for each instruction of each chain of calls, and
 * spread against the flow of the program; a slot that no path reads does not count when states are compared.
 */
export class StackLiveness {
  readonly #env: Env;
  readonly #roots = new Map<number, Instance>();
  readonly #flows = new Map<Subprog, BackwardFlow>();
  #current: Instance | undefined;
  #writeInsn = 0;
  /** What the instruction writes, by frames. */
  readonly #writes = new Int32Array(FRAME_WORDS);
  #hasWrites = false;

  constructor(env: Env) {
    this.#env = env;
  }

  /** The instruction may read a slot of `frameno`. */
  read(frameno: number, insn: number, spi: number): void {
    const low = spi < 32 ? 1 << spi : 0;
    this.#read(this.#currentInstance(), frameno, insn, low, spi < 32 ? 0 : 1 << (spi - 32));
  }

  /** From here on writes are those of this instruction. */
  startWrites(insn: number): void {
    this.#currentInstance();
    this.#beginWrites(insn);
  }

  write(frameno: number, spi: number): void {
    const word = 2 * frameno + (spi >> 5);
    this.#hasWrites = true;
    this.#writes[word] = (this.#writes[word] ?? 0) | (1 << (spi & 31));
  }

  endWrites(): void {
    if (this.#current !== undefined) this.#commit(this.#current);
  }

  /** Another function is run from here on. */
  leave(): void {
    this.#current = undefined;
  }

  /** Spreads what was collected along the calls of a path that has come to its end. */
  update(): void {
    this.#current = undefined;
    const { state } = this.#env;
    let instance: Instance | undefined = this.#instanceOf(state, state.curframe);
    for (; instance !== undefined; instance = instance.outer) {
      if (!instance.updated) continue;
      this.#spread(instance);
      instance.updated = false;
      instance.writesDropped = false;
    }
  }

  /** Whether a slot may be read from the state on. */
  aliveIn(state: State): (frameno: number, spi: number) => boolean {
    const last = this.#instanceOf(state, state.curframe);
    return (frameno, spi) => {
      if (isLive(last, state.insn, frameno, spi)) return true;
      let inner = last;
      for (let { outer } = last; outer !== undefined && outer.depth > frameno; { outer } = outer) {
        const at = this.#env.facts.has(inner.callsite, CALLS_CALLBACK) ? inner.callsite : inner.callsite + 1;
        if (isLive(outer, at, frameno, spi)) return true;
        inner = outer;
      }
      return false;
    };
  }

  #currentInstance(): Instance {
    const { state } = this.#env;
    this.#current ??= this.#instanceOf(state, state.curframe);
    return this.#current;
  }

  /** The function of a frame, as it was called. */
  #instanceOf(state: State, frameno: number): Instance {
    const outer = frameno === 0 ? undefined : this.#instanceOf(state, frameno - 1);
    const { subprogno = 0, callsite = 0 } = state.frames[frameno] ?? {};
    const known = outer?.inner ?? this.#roots;
    const key = callsite * this.#env.subprogs.length + subprogno;
    let found = known.get(key);
    if (found === undefined) {
      const subprog = this.#env.subprog(subprogno);
      found = createInstance(subprog, this.#flowOf(subprog), outer, callsite);
      known.set(key, found);
    }
    return found;
  }

  #flowOf(subprog: Subprog): BackwardFlow {
    let found = this.#flows.get(subprog);
    if (found === undefined) {
      found = backwardFlow(this.#env, subprog);
      this.#flows.set(subprog, found);
    }
    return found;
  }

  #read(instance: Instance, frameno: number, insn: number, low: number, high: number): void {
    const masks = masksOf(instance, frameno);
    const { mayRead, liveBefore } = masks;
    const at = 2 * (insn - instance.subprog.start);
    const [oldLow = 0, oldHigh = 0] = [mayRead[at], mayRead[at + 1]];
    if ((low & ~oldLow) === 0 && (high & ~oldHigh) === 0) return;
    mayRead[at] = oldLow | low;
    mayRead[at + 1] = oldHigh | high;
    becomeStale(instance, masks, insn);
    if (((oldLow | low) & ~(liveBefore[at] ?? 0)) !== 0 || ((oldHigh | high) & ~(liveBefore[at + 1] ?? 0)) !== 0)
      instance.updated = true;
  }

  #beginWrites(insn: number): void {
    this.#writeInsn = insn;
    if (this.#hasWrites) this.#writes.fill(0);
    this.#hasWrites = false;
  }

  #commit(instance: Instance): void {
    const index = this.#writeInsn - instance.subprog.start;
    const known = instance.writesKnown[index] !== UNKNOWN_WRITES;
    if (!this.#hasWrites && instance.writesKnown[index] !== SOME_WRITES) {
      instance.writesKnown[index] = NO_WRITES;
      return;
    }
    for (let word = 0; word < 2 * instance.depth; word++) {
      let slots = this.#writes[word] ?? 0;
      const frame = instance.frames[word >> 1];
      const at = 2 * index + (word & 1);
      const old = frame?.mustWrite[at] ?? 0;
      if (known) slots &= old;
      if (old === slots) continue;
      const masks = frame ?? masksOf(instance, word >> 1);
      masks.mustWrite[at] = slots;
      becomeStale(instance, masks, this.#writeInsn);
      instance.updated = true;
      if ((old & ~slots) !== 0) instance.writesDropped = true;
    }
    instance.writesKnown[index] = SOME_WRITES;
  }

  #spread(instance: Instance): void {
    if (instance.writesDropped) {
      for (const frame of instance.frames) {
        frame?.mustWriteLater.fill(0);
        frame?.stale.fill(1);
      }
    }
    let rounds = 0;
    for (let changed = true; changed; rounds++) {
      changed = false;
      for (const [frameno, frame] of instance.frames.entries())
        if (frame !== undefined && this.#spreadRound(instance, frameno, frame)) changed = true;
    }
    this.#env.log.detail(() => `${nameOf(instance)} live stack update done in ${rounds} iterations`);
    if (instance.outer !== undefined) this.#spreadToCaller(instance, instance.outer);
  }

  /** Once over all instructions, of which most have nothing to change: whether anything did. */
  #spreadRound(instance: Instance, frameno: number, masks: Masks): boolean {
    const { successors, log } = this.#env;
    const { mayRead, mustWrite, mustWriteLater, liveBefore, stale } = masks;
    const { subprog, flow } = instance;
    const { start } = subprog;
    let anyChanged = false;
    for (let place = stale.indexOf(1); place >= 0; place = stale.indexOf(1, place + 1)) {
      stale[place] = 0;
      const insn = flow.order[place] ?? start;
      const [next = -1, target = -1] = [successors[2 * insn], successors[2 * insn + 1]];
      if (next < 0) continue;
      let changed = false;
      const before = log.followsAll ? slotsOf(masks, insn - start) : undefined;
      for (let word = 0; word < 2; word++) {
        const at = 2 * (insn - start) + word;
        const one = 2 * (next - start) + word;
        const other = target < 0 ? one : 2 * (target - start) + word;
        const writes = mustWrite[at] ?? 0;
        const after = (liveBefore[one] ?? 0) | (liveBefore[other] ?? 0);
        const live = (after & ~writes) | (mayRead[at] ?? 0);
        const later = ((mustWriteLater[one] ?? 0) & (mustWriteLater[other] ?? 0)) | writes;
        if (live === liveBefore[at] && later === mustWriteLater[at]) continue;
        liveBefore[at] = live;
        mustWriteLater[at] = later;
        changed = true;
      }
      if (!changed) continue;
      anyChanged = true;
      for (let i = flow.first[place] ?? 0; i < (flow.first[place + 1] ?? 0); i++) stale[flow.leading[i] ?? 0] = 1;
      if (before !== undefined) this.#logChange(instance, frameno, insn, before, slotsOf(masks, insn - start));
    }
    return anyChanged;
  }

  #logChange(instance: Instance, frameno: number, insn: number, before: Slots, now: Slots): void {
    const isShown = !now.reads.isZero || !now.writes.isZero || insn === instance.subprog.start;
    if (!isShown && !this.#env.facts.has(insn, PRUNE_POINT)) return;
    const place = `${nameOf(instance)} frame ${frameno} insn ${insn} `;
    logChange(this.#env, place, 'live', before.live, now.live);
    logChange(this.#env, place, 'written', before.later, now.later);
  }

  /** A call reads and writes what the function that it calls does. */
  #spreadToCaller(instance: Instance, outer: Instance): void {
    this.#beginWrites(instance.callsite);
    for (let frameno = 0; frameno < outer.depth; frameno++) {
      const frame = instance.frames[frameno];
      if (frame === undefined) continue;
      this.#hasWrites = true;
      this.#writes.set(frame.mustWriteLater.subarray(0, 2), 2 * frameno);
      this.#read(outer, frameno, instance.callsite, frame.liveBefore[0] ?? 0, frame.liveBefore[1] ?? 0);
    }
    this.#commit(outer);
  }
}

function createInstance(subprog: Subprog, flow: BackwardFlow, outer: Instance | undefined, callsite: number): Instance {
  return {
    subprog,
    flow,
    outer,
    callsite,
    depth: (outer?.depth ?? 0) + 1,
    inner: new Map(),
    frames: [],
    writesKnown: new Uint8Array(subprog.end - subprog.start),
    updated: false,
    writesDropped: false,
  };
}

function masksOf(instance: Instance, frameno: number): Masks {
  let masks = instance.frames[frameno];
  if (masks === undefined) {
    const words = 2 * instance.writesKnown.length;
    masks = {
      mayRead: new Int32Array(words),
      mustWrite: new Int32Array(words),
      mustWriteLater: new Int32Array(words),
      liveBefore: new Int32Array(words),
      stale: new Uint8Array(instance.flow.order.length).fill(1),
    };
    instance.frames[frameno] = masks;
  }
  return masks;
}

function becomeStale({ flow, subprog }: Instance, { stale }: Masks, insn: number): void {
  stale[flow.placeOf[insn - subprog.start] ?? 0] = 1;
}

function isLive({ frames, subprog }: Instance, insn: number, frameno: number, spi: number): boolean {
  const word = frames[frameno]?.liveBefore[2 * (insn - subprog.start) + (spi >> 5)] ?? 0;
  return (word & (1 << (spi & 31))) !== 0;
}

/** What is known of an instruction, for the log. */
interface Slots {
  readonly reads: Int64;
  readonly writes: Int64;
  readonly live: Int64;
  readonly later: Int64;
}

function slotsOf({ mayRead, mustWrite, liveBefore, mustWriteLater }: Masks, index: number): Slots {
  const at = (words: Int32Array) => new Int64(words[2 * index + 1] ?? 0, words[2 * index] ?? 0);
  return { reads: at(mayRead), writes: at(mustWrite), live: at(liveBefore), later: at(mustWriteLater) };
}

/** As the log has it: the calls, and where the function begins. */
function nameOf({ subprog, outer, callsite }: Instance): string {
  const calls = [subprog.start];
  for (let call = { outer, callsite }; call.outer !== undefined; call = call.outer) calls.unshift(call.callsite);
  return `(${calls.join()})`;
}

function logChange(env: Env, place: string, what: string, old: Int64, now: Int64): void {
  const added = slotsText(andNot(now, old));
  const lost = slotsText(andNot(old, now));
  if (added + lost === '') return;
  env.log.line(`${place}${added && `+${what} ${added} `}${lost && `-${what} ${lost}`}`);
}
