import { roundUpToPowerOfTwo } from '../../bytes/round.ts';
import { SysError } from '../../errors.ts';
import { errno } from '../../uapi/errno.ts';
import type { Ffi } from './ffi.ts';

/** Bytes to begin with: any call but those with large logs, programs or batches. */
const FIRST_SIZE = 64 * 1024;
/** Bytes at most of one call's buffers: the largest verifier log, and then some. */
const MAX_SIZE = 1 << 28;

/**
 * The memory that system calls work in: outside the JavaScript heap, where nothing moves. The engine copies a call's arguments in and its results
 * out, so no address of a JavaScript buffer ever reaches the kernel. One call at a time; it grows with the largest call and stays that large.
 */
export class Memory implements Disposable {
  readonly #ffi: Ffi;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #address: number;
  #used = 0;

  constructor(ffi: Ffi) {
    this.#ffi = ffi;
    const { address, bytes } = ffi.alloc(FIRST_SIZE);
    this.#address = address;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  /** Of the first byte; valid until the next {@link Memory.reset}. */
  get address(): number {
    return this.#address;
  }
  get bytes(): Uint8Array {
    return this.#bytes;
  }
  get view(): DataView {
    return this.#view;
  }

  /** Begins a call that needs `size` bytes in all, with each piece rounded up to 8. Throws SysError: ENOMEM beyond 256 MiB, EBADF after the end. */
  reset(size: number): void {
    if (this.#address === 0) {
      throw new SysError(errno.EBADF, 'kernel', { detail: 'this kernel has been disposed of and takes no more calls' });
    }
    this.#used = 0;
    if (size <= this.#bytes.length) return;
    if (size > MAX_SIZE) {
      throw new SysError(errno.ENOMEM, 'malloc', { what: `of ${size} bytes for the buffers of one system call` });
    }
    const { address, bytes } = this.#ffi.alloc(roundUpToPowerOfTwo(size));
    this.#ffi.free(this.#address);
    this.#address = address;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  /** Offset of `size` bytes, aligned to 8, with whatever an earlier call left in them. */
  take(size: number): number {
    const at = this.#used;
    this.#used += align8(size);
    if (this.#used > this.#bytes.length) throw new SysError(errno.ENOMEM, 'malloc', { what: `of ${size} bytes` });
    return at;
  }

  /** Offset of a copy of `bytes`. */
  put(bytes: Uint8Array): number {
    const at = this.take(bytes.length);
    this.#bytes.set(bytes, at);
    return at;
  }

  /** Writes an address as the kernel reads it: a u64. */
  setAddress(at: number, offset: number): void {
    const address = this.#address + offset;
    this.#view.setUint32(at, address % 2 ** 32, true);
    this.#view.setUint32(at + 4, Math.floor(address / 2 ** 32), true);
  }

  [Symbol.dispose](): void {
    this.#ffi.free(this.#address);
    // What stays behind is ordinary memory, so a late call fails instead of touching freed memory.
    this.#bytes = new Uint8Array(0);
    this.#view = new DataView(this.#bytes.buffer);
    this.#address = 0;
  }
}

export function align8(n: number): number {
  return Math.ceil(n / 8) * 8;
}
