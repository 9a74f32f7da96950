import type { Clock } from './clock.ts';

/** Timers of one machine: a caller in a loop must not fill the memory. */
const MAX_TIMERS = 1 << 16;
/** Timers that one advance of the clock runs, at most, and those at one moment: one that sets itself anew without delay would never end. */
const MAX_RUNS = 1 << 20;
const MAX_RUNS_AT_ONCE = 10_000;

export interface Timer {
  /** Nanoseconds, by the machine's clock. */
  readonly at: bigint;
  readonly run: () => void;
}

/** What the kernel does later. It is done when the clock is moved, or when somebody looks after the time has come; never by itself. */
export class Timers {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  /** Nothing is due before; it may be that nothing is due then either. */
  #earliest: bigint | undefined;
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `undefined`: there are too many. */
  after(ns: bigint, run: () => void): Timer | undefined {
    return this.at(this.#clock.now() + ns, run);
  }
  at(at: bigint, run: () => void): Timer | undefined {
    if (this.#timers.size >= MAX_TIMERS) return undefined;
    const timer: Timer = { at, run };
    this.#timers.add(timer);
    if (this.#earliest === undefined || at < this.#earliest) this.#earliest = at;
    return timer;
  }

  cancel(timer: Timer | undefined): void {
    if (timer !== undefined) this.#timers.delete(timer);
  }

  /** Moves the clock, and runs what becomes due on the way, each at its time. */
  advance(ns: bigint): void {
    const end = this.#clock.now() + ns;
    let [moment, atOnce] = [0n, 0];
    for (let runs = 0; runs < MAX_RUNS && atOnce < MAX_RUNS_AT_ONCE; runs++) {
      const next = this.#isDueBy(end) ? this.#next() : undefined;
      if (next === undefined || next.at > end) break;
      atOnce = next.at > moment ? 1 : atOnce + 1;
      if (next.at > moment) moment = next.at;
      this.#run(next);
    }
    this.#clock.advance(end - this.#clock.now());
  }

  #isDueBy(end: bigint): boolean {
    return this.#earliest !== undefined && this.#earliest <= end;
  }

  /** What is due by now. */
  runDue(): void {
    if (!this.#running && this.#isDueBy(this.#clock.now())) this.advance(0n);
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
    this.#earliest = first?.at;
    return first;
  }

  #run(timer: Timer): void {
    this.#timers.delete(timer);
    this.#clock.advance(timer.at - this.#clock.now());
    const outer = this.#running;
    this.#running = true;
    try {
      timer.run();
    } finally {
      this.#running = outer;
    }
  }
}
