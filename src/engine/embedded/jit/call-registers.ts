import { roundUp } from '../../../bytes/round.ts';
import { APART, type LinearMemory } from '../memory.ts';
import type { CompiledRun } from './compiled-run.ts';
import {
  CONTEXT,
  CPU,
  ENTRY,
  FRAME,
  HIGH,
  LOCK,
  MAX_ROUNDS,
  REGISTERS,
  REGISTERS_SIZE,
  ROUNDS,
  TAIL_CALLS,
} from './registers.ts';

const COUNT = 12;

/** What a run leaves to that around it. */
interface Saved {
  readonly run: CompiledRun;
  readonly tailCalls: number;
  readonly rounds: number;
  readonly context: number;
  readonly entry: number;
}

/** The words of registers.ts in the memory of a machine. The views stay good when it grows: it is shared, and does not move. */
export class CallRegisters {
  readonly address: number;
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly #words: Int32Array;
  /** What runs. */
  run: CompiledRun | undefined;

  constructor(memory: LinearMemory) {
    this.address = roundUp(memory.alloc(APART + REGISTERS_SIZE), APART);
    const { buffer } = memory.memory;
    this.low = new Int32Array(buffer, this.address + REGISTERS, COUNT);
    this.high = new Int32Array(buffer, this.address + HIGH, COUNT);
    this.#words = new Int32Array(buffer, this.address, REGISTERS_SIZE / 4);
  }

  /** For the run that begins. `context`: its address, or 0. */
  begin(cpu: number, context: number): void {
    this.#words[TAIL_CALLS / 4] = 0;
    this.#words[CPU / 4] = cpu;
    this.#words[CONTEXT / 4] = context;
    this.#words[ROUNDS / 4] = MAX_ROUNDS;
  }

  /** For {@link CallRegisters.restore}, when a run within a run is over; `undefined`: this is none. */
  save(): Saved | undefined {
    const { run } = this;
    if (run === undefined) return undefined;
    const { rounds, entry } = this;
    const [tailCalls = 0, context = 0] = [this.#words[TAIL_CALLS / 4], this.#words[CONTEXT / 4]];
    return { run, tailCalls, rounds, context, entry };
  }
  restore(saved: Saved | undefined): void {
    this.run = saved?.run;
    if (saved === undefined) return;
    this.#words[CONTEXT / 4] = saved.context;
    this.#words[TAIL_CALLS / 4] = saved.tailCalls;
    this.rounds = saved.rounds;
    this.#words[ENTRY / 4] = saved.entry;
  }

  /** Where the stack ends of a function that may be called back now. */
  get frame(): number {
    return this.#words[FRAME / 4] ?? 0;
  }

  /** Rounds that are left; 0: none. */
  get rounds(): number {
    return this.#words[ROUNDS / 4] ?? 0;
  }
  set rounds(count: number) {
    this.#words[ROUNDS / 4] = count;
  }

  /** Address of the entry of a batch that is being run. */
  get entry(): number {
    return this.#words[ENTRY / 4] ?? 0;
  }

  /** Address of the bpf_spin_lock that is held, or 0, where several CPUs run. */
  get lock(): number {
    return this.#words[LOCK / 4] ?? 0;
  }
  set lock(address: number) {
    this.#words[LOCK / 4] = address;
  }
}
