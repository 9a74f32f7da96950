/** Nanoseconds that may have passed by the clock of the host, and before, without a number ceasing to be exact: each half of 2^53. */
const EXACT = 2n ** 52n;

/** Nanoseconds since the machine was started: CLOCK_MONOTONIC and CLOCK_BOOTTIME, which are one here because a machine never sleeps. */
export class Clock {
  /** A manual clock stands still until {@link Clock.advance}. */
  readonly manual: boolean;
  readonly #start = performance.now();
  #ahead = 0n;
  /** `undefined` where a number is not exact. */
  #aheadNumber: number | undefined = 0;

  constructor(kind: 'monotonic' | 'manual' = 'monotonic') {
    this.manual = kind === 'manual';
  }

  now(): bigint {
    if (this.manual) return this.#ahead;
    return BigInt(this.#elapsed()) + this.#ahead;
  }

  /** The same as two words, for programs that ask often: the low one, with the high one in `high`. Both are signed. `unit`: in so many nanoseconds. */
  low(unit = 1): number {
    const ahead = this.#aheadNumber;
    if (ahead === undefined) {
      const now = this.now() / BigInt(unit);
      this.high = Number(BigInt.asIntN(32, now >> 32n));
      return Number(BigInt.asIntN(32, now));
    }
    const now = Math.floor(((this.manual ? 0 : this.#elapsed()) + ahead) / unit);
    this.high = Math.floor(now / 2 ** 32);
    return now | 0;
  }
  high = 0;

  /** Microseconds are all that performance.now() is good for. */
  #elapsed(): number {
    return Math.round((performance.now() - this.#start) * 1000) * 1000;
  }

  /** For other threads: when it began, in milliseconds since 1970 (`undefined`: it stands still), and what is added to what has passed since then, in nanoseconds. */
  get base(): { readonly origin: number | undefined; readonly ahead: number } {
    return { origin: this.manual ? undefined : performance.timeOrigin + this.#start, ahead: Number(this.#ahead) };
  }

  /** Lets `ns` nanoseconds pass at once; a negative number does nothing, because time does not go back. */
  advance(ns: bigint): void {
    if (ns <= 0n) return;
    this.#ahead += ns;
    this.#aheadNumber = this.#ahead < EXACT ? Number(this.#ahead) : undefined;
  }
}
