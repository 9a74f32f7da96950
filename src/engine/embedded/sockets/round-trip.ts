import { before } from './tcp-segment.ts';

interface Flight {
  /** The number behind its last. */
  readonly end: number;
  /** When it was sent: nanoseconds. */
  readonly at: bigint;
}

/** How long answers take. What was sent twice says nothing by its numbers, but the time that comes back with an acknowledgement does. */
export class RoundTrip {
  /** Eight times the smoothed one, in microseconds, as Linux keeps it; 0: nothing is known. */
  smoothed = 0;
  #flights: Flight[] = [];
  /** All before that was sent more than once. */
  #again: number | undefined;

  /** Something is sent for the first time. */
  sent(end: number, at: bigint): void {
    this.#flights.push({ end, at });
  }
  /** All that is on its way, up to this number, is sent once more. */
  sentAgain(end: number): void {
    this.#flights = [];
    this.#again = end;
  }

  /** What an acknowledgement says: microseconds, `undefined` for nothing. `echo`: milliseconds, our time that it brings back. */
  acknowledged(ack: number, now: bigint, echo: number | undefined): number | undefined {
    const [first] = this.#flights;
    const left = this.#flights.findIndex(({ end }) => before(ack, end));
    this.#flights.splice(0, left < 0 ? this.#flights.length : left);
    const doubtful = this.#again !== undefined;
    if (this.#again !== undefined && !before(ack, this.#again)) this.#again = undefined;
    if (doubtful) return echo === undefined ? undefined : this.#smooth(1000 * Math.max(1, elapsed(now, echo)));
    return first === undefined || before(ack, first.end) ? undefined : this.#smooth(Number((now - first.at) / 1000n));
  }

  #smooth(measured: number): number {
    const { smoothed } = this;
    this.smoothed = Math.max(1, smoothed === 0 ? 8 * measured : smoothed + measured - (smoothed >>> 3));
    return measured;
  }
}

/** Milliseconds; both count to 2^32 and begin again. */
function elapsed(now: bigint, echo: number): number {
  return (Number((now / 1_000_000n) & 0xffff_ffffn) - echo) | 0;
}
