import type { Env } from './env.ts';
import { and, andNot, bit, type Int64, isSame, ONES, or, ZERO } from './int64.ts';
import { slotsText } from './stack-slot.ts';
import type { State } from './state.ts';

/** Of one frame at one instruction. Bits by slot. */
interface Masks {
  mayRead: Int64;
  mustWrite: Int64;
  /** By it or by whatever follows in the function. */
  mustWriteLater: Int64;
  liveBefore: Int64;
}

/** A function as called along one chain of calls. */
interface Instance {
  readonly callsites: readonly number[];
  readonly starts: readonly number[];
  readonly length: number;
  readonly frames: (Masks[] | undefined)[];
  readonly writesKnown: Uint8Array;
  updated: boolean;
  writesDropped: boolean;
}

/**
 * Which slots of the stack may still be read. What the paths read and surely write is collected for each instruction of each chain of calls, and
 * spread against the flow of the program; a slot that no path reads does not count when states are compared.
 */
export class StackLiveness {
  readonly #env: Env;
  readonly #instances = new Map<string, Instance>();
  #current: Instance | undefined;
  #writeInsn = 0;
  #writes: (Int64 | undefined)[] = [];

  constructor(env: Env) {
    this.#env = env;
  }

  /** The instruction may read a slot of `frameno`. */
  read(frameno: number, insn: number, spi: number): void {
    this.#read(this.#currentInstance(), frameno, insn, bit(spi));
  }

  /** From here on writes are those of this instruction. */
  startWrites(insn: number): void {
    this.#currentInstance();
    this.#writeInsn = insn;
    this.#forgetWrites();
  }

  write(frameno: number, spi: number): void {
    this.#write(frameno, bit(spi));
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
    for (let frameno = state.curframe; frameno >= 0; frameno--) {
      const instance = this.#lookup(...chain(this.#env, state, frameno));
      if (!instance.updated) continue;
      this.#spread(instance);
      instance.updated = false;
      instance.writesDropped = false;
    }
  }

  /** Whether a slot may be read from the state on. */
  aliveIn(state: State): (frameno: number, spi: number) => boolean {
    const instances = state.frames.map((_, i) => this.#lookup(...chain(this.#env, state, i)));
    const last = instances[instances.length - 1] as Instance; // a state has a frame
    return (frameno, spi) => {
      if (isLive(last, state.insn, frameno, spi)) return true;
      for (let i = frameno; i < state.curframe; i++) {
        const callsite = state.frames[i + 1]?.callsite ?? 0;
        const at = this.#env.factsAt(callsite).callsCallback ? callsite : callsite + 1;
        if (isLive(instances[i] as Instance, at, frameno, spi)) return true; // i is below the length
      }
      return false;
    };
  }

  #currentInstance(): Instance {
    const { state } = this.#env;
    this.#current ??= this.#lookup(...chain(this.#env, state, state.curframe));
    return this.#current;
  }

  #lookup(callsites: readonly number[], starts: readonly number[]): Instance {
    const key = `${callsites.join()},${starts[starts.length - 1]}`;
    const known = this.#instances.get(key);
    if (known !== undefined) return known;
    const subprog = this.#env.subprog(this.#env.subprogAt(starts[starts.length - 1] ?? 0));
    const length = subprog.end - subprog.start;
    const instance = {
      callsites,
      starts,
      length,
      frames: [],
      writesKnown: new Uint8Array(length),
      updated: false,
      writesDropped: false,
    };
    this.#instances.set(key, instance);
    return instance;
  }

  #write(frameno: number, slots: Int64): void {
    this.#writes[frameno] = or(this.#writes[frameno] ?? ZERO, slots);
  }

  #forgetWrites(): void {
    if (this.#writes.length > 0) this.#writes = [];
  }

  #read(instance: Instance, frameno: number, insn: number, slots: Int64): void {
    const masks = masksOf(instance, frameno, insn);
    const added = andNot(slots, masks.mayRead);
    if (added.isZero) return;
    masks.mayRead = or(masks.mayRead, added);
    if (!andNot(masks.mayRead, masks.liveBefore).isZero) instance.updated = true;
  }

  #commit(instance: Instance): void {
    const index = this.#writeInsn - startOf(instance);
    const known = instance.writesKnown[index] === 1;
    for (let frameno = 0; frameno < instance.starts.length; frameno++) {
      let slots = this.#writes[frameno] ?? ZERO;
      const old = instance.frames[frameno]?.[index]?.mustWrite ?? ZERO;
      if (known) slots = and(slots, old);
      if (isSame(old, slots)) continue;
      masksOf(instance, frameno, this.#writeInsn).mustWrite = slots;
      instance.updated = true;
      if (!andNot(old, slots).isZero) instance.writesDropped = true;
    }
    instance.writesKnown[index] = 1;
    this.#forgetWrites();
  }

  #spread(instance: Instance): void {
    if (instance.writesDropped)
      for (const frame of instance.frames) for (const masks of frame ?? []) masks.mustWriteLater = ZERO;
    const order = this.#env.subprogOrder(startOf(instance));
    let rounds = 0;
    for (let changed = true; changed; rounds++) {
      changed = false;
      for (const [frameno, frame] of instance.frames.entries()) {
        if (frame === undefined) continue;
        for (const insn of order) if (this.#spreadInsn(instance, frameno, insn)) changed = true;
      }
    }
    this.#env.log.detail(() => `${nameOf(instance)} live stack update done in ${rounds} iterations`);
    if (instance.starts.length > 1) this.#spreadToCaller(instance);
  }

  #spreadInsn(instance: Instance, frameno: number, insn: number): boolean {
    const successors = this.#env.successors(insn);
    if (successors.length === 0) return false;
    const masks = masksOf(instance, frameno, insn);
    let after = ZERO;
    let later = ONES;
    for (const next of successors) {
      const following = masksOf(instance, frameno, next);
      after = or(after, following.liveBefore);
      later = and(later, following.mustWriteLater);
    }
    later = or(later, masks.mustWrite);
    const before = or(andNot(after, masks.mustWrite), masks.mayRead);
    const changed = !isSame(before, masks.liveBefore) || !isSame(later, masks.mustWriteLater);
    if (changed && this.#env.log.followsAll && this.#isLogged(instance, insn, masks)) {
      const place = `${nameOf(instance)} frame ${frameno} insn ${insn}`;
      logChange(this.#env, `${place} `, 'live', masks.liveBefore, before);
      logChange(this.#env, `${place} `, 'written', masks.mustWriteLater, later);
    }
    masks.liveBefore = before;
    masks.mustWriteLater = later;
    return changed;
  }

  #isLogged(instance: Instance, insn: number, { mayRead, mustWrite }: Masks): boolean {
    return !mayRead.isZero || !mustWrite.isZero || insn === startOf(instance) || this.#env.factsAt(insn).prunePoint;
  }

  /** A call reads and writes what the function that it calls does. */
  #spreadToCaller(instance: Instance): void {
    const depth = instance.starts.length - 1;
    const outer = this.#lookup(instance.callsites.slice(0, -1), instance.starts.slice(0, -1));
    const callsite = instance.callsites[depth - 1] ?? 0;
    this.#writeInsn = callsite;
    this.#forgetWrites();
    for (let frameno = 0; frameno < depth; frameno++) {
      if (instance.frames[frameno] === undefined) continue;
      const masks = masksOf(instance, frameno, startOf(instance));
      this.#write(frameno, masks.mustWriteLater);
      this.#read(outer, frameno, callsite, masks.liveBefore);
    }
    this.#commit(outer);
  }
}

/** As the log has it: the calls, and where the function begins. */
function nameOf(instance: Instance): string {
  return `(${[...instance.callsites, startOf(instance)].join()})`;
}

function logChange(env: Env, place: string, what: string, old: Int64, now: Int64): void {
  const added = slotsText(andNot(now, old));
  const lost = slotsText(andNot(old, now));
  if (added + lost === '') return;
  env.log.line(`${place}${added && `+${what} ${added} `}${lost && `-${what} ${lost}`}`);
}

/** The call instructions that lead to a frame, and where the functions start. */
function chain(env: Env, state: State, frameno: number): [callsites: readonly number[], starts: readonly number[]] {
  const callsites: number[] = [];
  const starts: number[] = [];
  for (let i = 0; i <= frameno; i++) {
    starts.push(env.subprog(state.frames[i]?.subprogno ?? 0).start);
    if (i < frameno) callsites.push(state.frames[i + 1]?.callsite ?? 0);
  }
  return [callsites, starts];
}

function startOf(instance: Instance): number {
  return instance.starts[instance.starts.length - 1] ?? 0;
}

function masksOf(instance: Instance, frameno: number, insn: number): Masks {
  let frame = instance.frames[frameno];
  if (frame === undefined) {
    frame = Array.from({ length: instance.length }, () => ({
      mayRead: ZERO,
      mustWrite: ZERO,
      mustWriteLater: ZERO,
      liveBefore: ZERO,
    }));
    instance.frames[frameno] = frame;
  }
  return frame[insn - startOf(instance)] as Masks; // an instruction of the function
}

function isLive(instance: Instance, insn: number, frameno: number, spi: number): boolean {
  return instance.frames[frameno] !== undefined && !and(masksOf(instance, frameno, insn).liveBefore, bit(spi)).isZero;
}
