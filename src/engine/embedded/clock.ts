/** Nanoseconds since the machine was started: CLOCK_MONOTONIC and CLOCK_BOOTTIME, which are one here because a machine never sleeps. */
export class Clock {
  /** A manual clock stands still until {@link Clock.advance}. */
  readonly manual: boolean;
  readonly #start = performance.now();
  #ahead = 0n;

  constructor(kind: 'monotonic' | 'manual' = 'monotonic') {
    this.manual = kind === 'manual';
  }

  now(): bigint {
    if (this.manual) return this.#ahead;
    // Microseconds are all that performance.now() is good for.
    return BigInt(Math.round((performance.now() - this.#start) * 1000)) * 1000n + this.#ahead;
  }

  /** Lets `ns` nanoseconds pass at once; a negative number does nothing, because time does not go back. */
  advance(ns: bigint): void {
    if (ns > 0n) this.#ahead += ns;
  }
}
