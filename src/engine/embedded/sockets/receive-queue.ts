import { concatBytes } from '../../../bytes/plain.ts';

/** The bytes of a stream that have come and wait to be received. */
export class ReceiveQueue {
  #parts: Uint8Array[] = [];
  #size = 0;

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
    this.#size += bytes.length;
  }

  /** The first ones, `max` at most. */
  take(max: number): Uint8Array {
    const taken: Uint8Array[] = [];
    let size = 0;
    while (size < max) {
      const next = this.#parts.shift();
      if (next === undefined) break;
      const part = next.subarray(0, max - size);
      if (part.length < next.length) this.#parts.unshift(next.subarray(part.length));
      taken.push(part);
      size += part.length;
    }
    this.#size -= size;
    return concatBytes(taken);
  }
}
