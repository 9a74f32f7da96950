import { BpfError } from '../errors.ts';
import { HEADER, MAX_BLOB, MAX_DECODED, MAX_TEXT, type Reply, type Request, TAG } from './protocol.ts';

/** Bytes that a frame begins with: most are shorter. */
const SHORT = 256;

/** Throws BpfError MESSAGE_TOO_LONG if the message is longer than a frame, or its buffers than a reader takes. */
export function encodeFrame(message: Request | Reply): Uint8Array {
  return new Encoder().encode(message);
}

class Encoder {
  #frame = Buffer.allocUnsafe(SHORT);
  #at = HEADER;
  #blob = 0;
  #decoded = 0;

  encode([id, ...values]: Request | Reply): Uint8Array {
    for (const value of values) this.#value(value);
    checkLength('text', this.#at - this.#blob, MAX_TEXT);
    this.#frame.writeUInt32LE(this.#at - 4, 0);
    this.#frame.writeDoubleLE(id, 4);
    return this.#frame.subarray(0, this.#at);
  }

  #value(value: unknown): void {
    if (value === undefined || value === null) this.#tag(TAG.none);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (typeof value === 'boolean') this.#tag(value ? TAG.true : TAG.false);
    else if (typeof value === 'string') this.#text(TAG.string, value);
    else if (value instanceof Uint8Array) this.#bytes(TAG.bytes, value);
    else if (value instanceof Uint32Array)
      this.#bytes(TAG.words, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    else if (Array.isArray(value)) this.#array(value);
    else this.#object(value);
  }

  #array(items: readonly unknown[]): void {
    this.#tag(TAG.array);
    this.#uint32(items.length);
    for (const item of items) this.#value(item);
  }

  #object(value: object): void {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    this.#tag(TAG.object);
    this.#uint32(fields.length);
    for (const [name, field] of fields) {
      this.#string(name);
      this.#value(field);
    }
  }

  #number(value: number): void {
    if ((value | 0) === value && !Object.is(value, -0)) {
      this.#tag(TAG.int);
      this.#room(4);
      this.#at = this.#frame.writeInt32LE(value, this.#at);
      return;
    }
    this.#tag(TAG.float);
    this.#room(8);
    this.#at = this.#frame.writeDoubleLE(value, this.#at);
  }

  #bigint(value: bigint): void {
    if (value !== BigInt.asUintN(64, value)) {
      this.#text(TAG.bigText, value.toString());
      return;
    }
    this.#tag(TAG.big);
    this.#room(8);
    this.#at = this.#frame.writeBigUInt64LE(value, this.#at);
  }

  #text(tag: number, value: string): void {
    this.#tag(tag);
    this.#string(value);
  }

  #string(value: string): void {
    const length = Buffer.byteLength(value);
    checkLength('text', length, MAX_TEXT);
    this.#uint32(length);
    this.#room(length);
    this.#at += this.#frame.write(value, this.#at);
  }

  /** Without the zeros at the end. */
  #bytes(tag: number, bytes: Uint8Array): void {
    let used = bytes.length;
    while (used > 0 && bytes[used - 1] === 0) used--;
    this.#blob += used;
    this.#decoded += bytes.length;
    checkLength('data', this.#blob, MAX_BLOB);
    checkLength('buffers', this.#decoded, MAX_DECODED);
    this.#tag(tag);
    this.#uint32(used);
    this.#uint32(bytes.length);
    this.#room(used);
    this.#frame.set(used === bytes.length ? bytes : bytes.subarray(0, used), this.#at);
    this.#at += used;
  }

  #tag(tag: number): void {
    this.#room(1);
    this.#frame[this.#at++] = tag;
  }

  #uint32(value: number): void {
    this.#room(4);
    this.#at = this.#frame.writeUInt32LE(value, this.#at);
  }

  /** Makes room for `size` bytes more. */
  #room(size: number): void {
    if (this.#at + size <= this.#frame.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#frame.length, this.#at + size));
    larger.set(this.#frame.subarray(0, this.#at));
    this.#frame = larger;
  }
}

function checkLength(what: string, length: number, max: number): void {
  if (length <= max) return;
  throw new BpfError(
    'MESSAGE_TOO_LONG',
    `the socket of a kernel in another process carries ${max} bytes of ${what} in one call, not ${length}`,
  );
}
