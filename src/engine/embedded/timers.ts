import type { Clock } from './clock.ts';

/** Timers of one machine: a caller in a loop must not fill the memory. */
const MAX_TIMERS = 1 << 16;
/** Timers that one advance of the clock runs, at most: one that sets itself anew without delay would never end. */
const MAX_RUNS = 1 << 20;

export interface Timer {
  /** Nanoseconds, by the machine's clock. */
  readonly at: bigint;
  readonly run: () => void;
}

/** What the kernel does later. It is done when the clock is moved, or when somebody looks after the time has come; never by itself. */
export class Timers {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `undefined`: there are too many. */
  after(ns: bigint, run: () => void): Timer | undefined {
    if (this.#timers.size >= MAX_TIMERS) return undefined;
    const timer: Timer = { at: this.#clock.now() + ns, run };
    this.#timers.add(timer);
    return timer;
  }

  cancel(timer: Timer | undefined): void {
    if (timer !== undefined) this.#timers.delete(timer);
  }

  /** Moves the clock, and runs what becomes due on the way, each at its time. */
  advance(ns: bigint): void {
    const end = this.#clock.now() + ns;
    for (let runs = 0; runs < MAX_RUNS; runs++) {
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#run(next);
    }
    this.#clock.advance(end - this.#clock.now());
  }

  /** What is due by now. */
  runDue(): void {
    this.advance(0n);
  }

  /** Lets time pass until the next timer, and runs it: what a process that sleeps sees. False if there is none. */
  sleep(): boolean {
    const next = this.#next();
    if (next === undefined) return false;
    this.#run(next);
    return true;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  }

  #run(timer: Timer): void {
    this.#timers.delete(timer);
    this.#clock.advance(timer.at - this.#clock.now());
    timer.run();
  }
}
