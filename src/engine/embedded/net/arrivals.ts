import type { Device } from './device.ts';
import { MAX_BATCH } from './receive-batch.ts';
import type { Frame } from './traffic.ts';

/** Frames that one frame may cause before the rest is dropped: two devices that send to each other would never end. */
const MAX_CAUSED = 1024;

/** Frames that have arrived at devices while another was on its way, in their order. */
export class Arrivals {
  readonly #waiting: (readonly [Device, Frame])[] = [];
  #limit = MAX_CAUSED;

  /** Frames that may wait, and that may be received until none waits. */
  get limit(): number {
    return this.#limit;
  }

  /** What so many frames cause is on its way together until `send` is done. */
  causedBy(frames: number, send: () => void): void {
    const outer = this.#limit;
    this.#limit = frames * MAX_CAUSED;
    try {
      send();
    } finally {
      this.#limit = outer;
    }
  }

  add(device: Device, frame: Frame): void {
    if (this.#waiting.length < this.#limit) this.#waiting.push([device, frame]);
    else device.stats.rxDropped++;
  }

  /** Takes out the first that waits, and those behind it to the same device if that has an XDP program: what is one batch there, at most so many. */
  take(most: number): readonly [Device, readonly Frame[]] | undefined {
    const first = this.#waiting.shift();
    if (first === undefined) return undefined;
    const [device, frame] = first;
    const frames = [frame];
    if (device.xdp.mode === undefined) return [device, frames];
    const end = Math.min(MAX_BATCH, most) - 1;
    let more = 0;
    for (; more < end && this.#waiting[more]?.[0] === device; more++);
    for (const [, next] of this.#waiting.splice(0, more)) frames.push(next);
    return [device, frames];
  }
}
