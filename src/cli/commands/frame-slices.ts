import { MAX_SENT_BYTES } from '../../sys/lab.ts';

/** Milliseconds for one call to a kernel that takes several frames: others want to use it, too. */
const SLICE = 2;

/** Frames, one behind the other, and `repeat` times all of them, for calls of as many as a kernel can do in a moment. */
export class FrameSlices {
  /** All that are to be given to the kernel. */
  readonly length: number;
  readonly #frames: readonly Uint8Array[];
  readonly #max: number;
  #most = 1;

  /** `max`: frames that one call takes. */
  constructor(frames: readonly Uint8Array[], max: number, repeat = 1) {
    this.#frames = frames;
    this.#max = max;
    this.length = repeat * frames.length;
  }

  /** Calls with some of the frames from one on, one at least. */
  call<T>(from: number, call: (some: readonly Uint8Array[]) => T): { readonly frames: number; readonly result: T } {
    const some = this.#beginning(from);
    const start = performance.now();
    const result = call(some);
    const fast = performance.now() - start < SLICE;
    this.#most = fast ? Math.min(2 * this.#most, this.#max) : Math.max(this.#most >> 1, 1);
    return { frames: some.length, result };
  }

  #beginning(from: number): readonly Uint8Array[] {
    const some: Uint8Array[] = [];
    const end = Math.min(this.length, from + this.#most);
    for (let [at, bytes] = [from, 0]; at < end; at++) {
      const frame = this.#frames[at % this.#frames.length] ?? new Uint8Array(0);
      bytes += frame.length;
      if (at > from && bytes > MAX_SENT_BYTES) break;
      some.push(frame);
    }
    return some;
  }
}
