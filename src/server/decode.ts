import { frameId, HEADER, MAX_DECODED, MAX_DEPTH, MAX_TEXT, TAG } from './protocol.ts';

/** Digits at most of a number that no u64 is. */
const MAX_DIGITS = 64;

/** The message of a frame; `undefined` if it is none. Never throws: the bytes may come from anybody. */
export function decodeFrame(frame: Uint8Array): readonly unknown[] | undefined {
  const id = frameId(frame);
  if (id === undefined) return undefined;
  try {
    return [id, ...new Decoder(frame).values()];
  } catch {
    return undefined; // it ends too early, or says what no message says
  }
}

class Decoder {
  readonly #frame: Buffer;
  #at = HEADER;
  #blob = 0;
  #decoded = 0;

  constructor(frame: Uint8Array) {
    this.#frame = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  }

  values(): unknown[] {
    const values: unknown[] = [];
    while (this.#at < this.#frame.length) values.push(this.#value(0));
    return values;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH || this.#at - this.#blob > MAX_TEXT) throw new RangeError('too deep, or too long');
    const tag = this.#frame.readUInt8(this.#at++);
    switch (tag) {
      case TAG.none:
        return null;
      case TAG.false:
      case TAG.true:
        return tag === TAG.true;
      case TAG.int:
        return this.#frame.readInt32LE(this.#skip(4));
      case TAG.float:
        return this.#frame.readDoubleLE(this.#skip(8));
      case TAG.big:
        return this.#frame.readBigUInt64LE(this.#skip(8));
      case TAG.bigText:
        return this.#bigint();
      case TAG.string:
        return this.#string();
      case TAG.bytes:
        return this.#bytes();
      case TAG.words:
        return new Uint32Array(this.#bytes().buffer);
      case TAG.array:
        return this.#array(depth + 1);
      case TAG.object:
        return this.#object(depth + 1);
      default:
        throw new RangeError(`a value of kind ${tag}`);
    }
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    for (let count = this.#uint32(); count > 0; count--) items.push(this.#value(depth));
    return items;
  }

  #object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (let count = this.#uint32(); count > 0; count--) {
      const name = this.#string();
      if (name === '__proto__') throw new RangeError('no name of a field');
      object[name] = this.#value(depth);
    }
    return object;
  }

  #bigint(): bigint {
    const digits = this.#string();
    if (digits.length > MAX_DIGITS) throw new RangeError('a number of too many digits');
    return BigInt(digits);
  }

  #string(): string {
    const length = this.#uint32();
    const start = this.#skip(length);
    return this.#frame.toString('utf8', start, start + length);
  }

  #bytes(): Uint8Array<ArrayBuffer> {
    const used = this.#uint32();
    const length = this.#uint32();
    this.#decoded += length;
    this.#blob += used;
    if (used > length || this.#decoded > MAX_DECODED) throw new RangeError('a buffer longer than it may be');
    const start = this.#skip(used);
    const bytes = new Uint8Array(length);
    bytes.set(this.#frame.subarray(start, start + used));
    return bytes;
  }

  #uint32(): number {
    return this.#frame.readUInt32LE(this.#skip(4));
  }

  /** Where the next `size` bytes are, which must all be there. */
  #skip(size: number): number {
    const at = this.#at;
    this.#at += size;
    if (this.#at > this.#frame.length) throw new RangeError('it ends too early');
    return at;
  }
}
