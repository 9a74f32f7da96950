import { ObjectError, type Place } from '../errors.ts';

/**
 * Reads numbers out of bytes, in either byte order, and never past the end: a read that would leave the buffer throws ObjectError with the
 * offset. `place` says where the bytes come from, for the message.
 */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly #view: DataView;
  readonly #place: Place;
  offset = 0;

  constructor(bytes: Uint8Array, littleEndian: boolean, place: Place = {}) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#place = place;
  }

  get left(): number {
    return this.bytes.length - this.offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), this.littleEndian);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), this.littleEndian);
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4), this.littleEndian);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), this.littleEndian);
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), this.littleEndian);
  }

  /** A u64 that has to be an offset or a size within a file: larger than 2^53 is no such thing. */
  size(): number {
    const at = this.offset;
    const value = this.u64();
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw new ObjectError(`${value} is no size or offset that a file can have`, { ...this.#place, offset: at });
  }

  /** A view of the next `n` bytes. */
  take(n: number): Uint8Array {
    const at = this.#take(n);
    return this.bytes.subarray(at, at + n);
  }

  #take(n: number): number {
    const at = this.offset;
    if (n < 0 || at < 0 || at + n > this.bytes.length) {
      throw new ObjectError(`${n} bytes are expected here, but only ${Math.max(0, this.left)} are left`, {
        ...this.#place,
        offset: at,
      });
    }
    this.offset += n;
    return at;
  }
}
