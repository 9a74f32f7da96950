import { BpfError } from '../errors.ts';

/**
 * What a client and a kernel in another process say to each other over a local stream socket. A message is an array: a request
 * `[id, method, ...arguments]`, its reply `[id, true, result, changed]` or `[id, false, WireError, changed]`, where `changed` is what the call
 * has changed in its arguments, also when it failed. Replies come in any order.
 *
 * On the wire it is a frame (numbers little-endian, strings UTF-8):
 *
 *     0        4          12
 *     +--------+----------+---------+---------+--
 *     | length | id (f64) | value   | value   | …       length: of all that follows it
 *     +--------+----------+---------+---------+--
 *
 * A value is a byte that says what it is, and then what the table {@link TAG} says.
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

/** Bytes at most of a message's bytes (the largest verifier log, and then some), and of all else in it. */
export const MAX_BLOB = 1 << 25;
export const MAX_TEXT = 1 << 20;
/** Bytes at most of all buffers of one message after decoding: zeros cost nothing on the wire. */
export const MAX_DECODED = 1 << 26;
/** Levels of arrays and objects in a message. */
export const MAX_DEPTH = 8;

/** What a value is, and what follows. Counts and lengths are u32. */
export const TAG = {
  none: 0, //    undefined and null; read as null. A field that is undefined is not sent
  false: 1,
  true: 2,
  int: 3, //     i32
  float: 4, //   f64
  big: 5, //     u64, as a bigint
  bigText: 6, // any other bigint: a string of its digits
  string: 7, //  length, bytes
  bytes: 8, //   how many are sent, how many there are (the rest is zero), those that are sent: a Uint8Array
  words: 9, //   the same: a Uint32Array
  array: 10, //  count, values
  object: 11, // count, fields: a name (length, bytes) and a value
} as const;

/** Bytes before the first value. */
export const HEADER = 12;

/** Whose message a frame is; `undefined` if it is none. */
export function frameId(frame: Uint8Array): number | undefined {
  if (frame.length < HEADER) return undefined;
  const id = new DataView(frame.buffer, frame.byteOffset, HEADER).getFloat64(4, true);
  return Number.isSafeInteger(id) ? id : undefined;
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
    while (this.#length >= 4) {
      const head = this.#contiguous(4);
      const length = new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true);
      if (length > MAX_TEXT + MAX_BLOB)
        throw new BpfError('MESSAGE_TOO_LONG', `a message of ${length} bytes is longer than the socket's limit`);
      const size = 4 + length;
      if (this.#length < size) break;
      const bytes = this.#contiguous(size);
      frames.push(bytes.subarray(0, size));
      this.#chunks[0] = bytes.subarray(size);
      if (size === bytes.length) this.#chunks.shift();
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
