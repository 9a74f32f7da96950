import { BpfError } from '../errors.ts';

/**
 * What a client and a kernel in another process say to each other over a local stream socket. A message is an array: a request
 * `[id, method, ...arguments]`, its reply `[id, true, result, changed]` or `[id, false, WireError, changed]`, where `changed` is what the call
 * has changed in its arguments, also when it failed. Replies come in any order.
 *
 * On the wire it is a frame (lengths little-endian):
 *
 *     0        4          8                        8 + text             8 + text + blob
 *     +--------+----------+------------------------+--------------------+
 *     | text   | blob     | JSON                   | bytes              |
 *     +--------+----------+------------------------+--------------------+
 *
 * The JSON holds everything but bytes and big integers: `{"$n": "123"}` is a bigint, `{"$b": [offset, used, length]}` a Uint8Array of `length`
 * bytes of which the first `used` stand in the blob and the rest are zero, `{"$w": …}` the same as a Uint32Array.
 */
export type Request = readonly [id: number, method: string, ...args: unknown[]];
export type Reply = readonly [id: number, ok: boolean, result: unknown, changed?: unknown];

export interface WireError {
  readonly kind: 'sys' | 'bpf' | 'internal';
  readonly code: string;
  readonly message: string;
  /** For kind `sys`. */
  readonly errno?: number | undefined;
  readonly syscall?: string | undefined;
  readonly detail?: string | undefined;
  /** What the call was made on: a path, an fd. */
  readonly what?: string | undefined;
}

/** Bytes at most of a frame's JSON, and of its blob (the largest verifier log, and then some). */
export const MAX_TEXT = 1 << 20;
export const MAX_BLOB = 1 << 25;
/** Bytes at most of all buffers of one message after decoding: zeros cost nothing on the wire. */
const MAX_DECODED = 1 << 26;
/** Levels of arrays and objects in a message. */
const MAX_DEPTH = 8;

/** Throws BpfError MESSAGE_TOO_LONG if the message is longer than a frame, or its buffers than a reader takes. */
export function encodeFrame(message: Request | Reply): Uint8Array {
  const blobs: Uint8Array[] = [];
  let blobLength = 0;
  let decoded = 0;
  const put = (bytes: Uint8Array): number[] => {
    decoded += bytes.length;
    let used = bytes.length;
    while (used > 0 && bytes[used - 1] === 0) used--;
    blobs.push(bytes.subarray(0, used));
    blobLength += used;
    return [blobLength - used, used, bytes.length];
  };
  const plain = (value: unknown): unknown => {
    if (typeof value === 'bigint') return { $n: value.toString() };
    if (value instanceof Uint8Array) return { $b: put(value) };
    if (value instanceof Uint32Array)
      return { $w: put(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
    }
    return value;
  };
  const text = new TextEncoder().encode(JSON.stringify(message.map(plain)));
  checkLength('text', text.length, MAX_TEXT);
  checkLength('data', blobLength, MAX_BLOB);
  checkLength('buffers', decoded, MAX_DECODED);
  const frame = new Uint8Array(8 + text.length + blobLength);
  const view = new DataView(frame.buffer);
  view.setUint32(0, text.length, true);
  view.setUint32(4, blobLength, true);
  frame.set(text, 8);
  let at = 8 + text.length;
  for (const blob of blobs) {
    frame.set(blob, at);
    at += blob.length;
  }
  return frame;
}

function checkLength(what: string, length: number, max: number): void {
  if (length <= max) return;
  throw new BpfError(
    'MESSAGE_TOO_LONG',
    `the socket of a kernel in another process carries ${max} bytes of ${what} in one call, not ${length}`,
  );
}

/** The message of a frame; `undefined` if it is none. Never throws: the bytes may come from anybody. */
export function decodeFrame(frame: Uint8Array): readonly unknown[] | undefined {
  if (frame.length < 8) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const text = view.getUint32(0, true);
  const blob = frame.subarray(8 + text);
  try {
    const decoder = new MessageDecoder(blob);
    const message = decoder.decode(JSON.parse(new TextDecoder().decode(frame.subarray(8, 8 + text))), 0);
    return Array.isArray(message) && Number.isSafeInteger(message[0]) ? message : undefined;
  } catch {
    return undefined; // bad JSON, bad numbers or a blob that is not there
  }
}

class MessageDecoder {
  readonly #blob: Uint8Array;
  #decoded = 0;

  constructor(blob: Uint8Array) {
    this.#blob = blob;
  }

  decode(value: unknown, depth: number): unknown {
    if (depth > MAX_DEPTH) throw new RangeError('too deep');
    if (Array.isArray(value)) return value.map((item) => this.decode(item, depth + 1));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first !== undefined) {
      const [key, field] = first;
      if (key === '$n') return BigInt(String(field).slice(0, 24));
      if (key === '$b') return this.#bytes(field);
      if (key === '$w') return new Uint32Array(this.#bytes(field).buffer);
    }
    return Object.fromEntries(entries.map(([key, field]) => [key, this.decode(field, depth + 1)]));
  }

  #bytes(field: unknown): Uint8Array<ArrayBuffer> {
    const [offset, used, length] = Array.isArray(field) ? field : [];
    if (![offset, used, length].every((n) => Number.isSafeInteger(n) && n >= 0)) throw new RangeError('bad buffer');
    this.#decoded += length;
    if (used > length || offset + used > this.#blob.length || this.#decoded > MAX_DECODED)
      throw new RangeError('bad buffer');
    const bytes = new Uint8Array(length);
    bytes.set(this.#blob.subarray(offset, offset + used));
    return bytes;
  }
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;

  /** The frames that `chunk` completes. Throws BpfError on a length over the limits: the stream cannot be followed any further. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Uint8Array[] = [];
    while (this.#length >= 8) {
      const head = this.#contiguous(8);
      const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
      const [text, blob] = [view.getUint32(0, true), view.getUint32(4, true)];
      if (text > MAX_TEXT || blob > MAX_BLOB) {
        throw new BpfError('MESSAGE_TOO_LONG', `a message of ${text + blob} bytes is longer than the socket's limit`);
      }
      const size = 8 + text + blob;
      if (this.#length < size) break;
      const bytes = this.#contiguous(size);
      frames.push(bytes.subarray(0, size));
      this.#chunks = [bytes.subarray(size), ...this.#chunks.slice(1)];
      this.#length -= size;
    }
    return frames;
  }

  /** The first chunk, after joining as many as are needed to hold `n` bytes. */
  #contiguous(n: number): Uint8Array {
    const first = this.#chunks[0] ?? new Uint8Array(0);
    if (first.length >= n) return first;
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [all];
    return all;
  }
}
