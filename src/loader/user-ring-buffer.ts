import { SysError, UsageError } from '../errors.ts';
import type { Mapping } from '../sys/kernel.ts';
import { errno } from '../uapi/errno.ts';
import { BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ } from '../uapi/ringbuf.ts';
import type { BpfMap } from './map.ts';
import { both, withPageSize } from './pages.ts';

/** Milliseconds between looks for room, when there is some but not enough: the kernel tells only that there is some. */
const LOOK = 1;
const MAX_LOOK = 16;

/** Room for one record, to be written and then submitted; given up when disposed of before. In the order of reserving, the program waits for each. */
export interface Reservation extends Disposable {
  /** As many as were asked for, with whatever was there before. The program's once submitted. */
  readonly bytes: Uint8Array;
  submit(): void;
  discard(): void;
}

/**
 * The writing end of a map of type user_ringbuf (Linux >= 6.1), which a program reads with bpf_user_ringbuf_drain. Mapped as a {@link RingBuffer} is, with the
 * positions the other way round. There should be one writer.
 *
 * @example
 * using requests = openUserRingBuffer(loaded.map('requests'));
 * await requests.write(Uint8Array.of(1, 2, 3), { signal });
 */
export class UserRingBuffer implements Disposable {
  readonly map: BpfMap;
  readonly #mappings: readonly Mapping[];
  readonly #read: BigInt64Array;
  readonly #written: BigInt64Array;
  readonly #data: Uint8Array;
  readonly #words: Int32Array;
  readonly #size: number;
  readonly #end = new AbortController();

  /** Use {@link openUserRingBuffer}. */
  constructor(map: BpfMap, consumer: Mapping, producer: Mapping, page: number) {
    this.map = map;
    this.#mappings = [consumer, producer];
    this.#size = map.info.maxEntries;
    const { bytes } = producer;
    this.#read = new BigInt64Array(consumer.bytes.buffer, consumer.bytes.byteOffset, 1);
    this.#written = new BigInt64Array(bytes.buffer, bytes.byteOffset, 1);
    this.#data = bytes.subarray(page);
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset + page, (2 * this.#size) / 4);
  }

  /** Room for a record of `size` bytes, or `undefined` if there is none now. Throws SysError E2BIG if there never is, EBADF after the end. */
  tryReserve(size: number): Reservation | undefined {
    if (this.#end.signal.aborted) throw ended(this.map);
    if (!Number.isSafeInteger(size) || size < 0) throw new UsageError(`${size} bytes cannot be reserved`);
    const total = (size + BPF_RINGBUF_HDR_SZ + 7) & ~7;
    if (size > this.#size || total > this.#size) {
      throw new SysError(errno.E2BIG, 'reserve', {
        what: `of ${size} bytes in ${this.map.label}`,
        detail: `the buffer has ${this.#size}, of which a record takes ${BPF_RINGBUF_HDR_SZ} more than its data`,
      });
    }
    const start = Atomics.load(this.#written, 0);
    if (Number(start - Atomics.load(this.#read, 0)) + total > this.#size) return undefined;
    const at = Number(start & BigInt(this.#size - 1));
    const word = at >> 2;
    Atomics.store(this.#words, word, size | BPF_RINGBUF_BUSY_BIT);
    Atomics.store(this.#words, word + 1, 0);
    Atomics.store(this.#written, 0, start + BigInt(total));
    let open = true;
    const finish = (bits: number): void => {
      if (open && !this.#end.signal.aborted) Atomics.store(this.#words, word, size | bits);
      open = false;
    };
    return {
      bytes: this.#data.subarray(at + BPF_RINGBUF_HDR_SZ, at + BPF_RINGBUF_HDR_SZ + size),
      submit: () => finish(0),
      discard: () => finish(BPF_RINGBUF_DISCARD_BIT),
      [Symbol.dispose]: () => finish(BPF_RINGBUF_DISCARD_BIT),
    };
  }

  /**
   * Room for a record of `size` bytes, as soon as programs have read enough. Rejects with the signal's reason when aborted, with SysError E2BIG if there never
   * is room, EBADF when this is closed.
   */
  async reserve(size: number, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Reservation> {
    const { signal } = options;
    const { kernel } = this.map;
    const either = signal === undefined ? this.#end.signal : AbortSignal.any([signal, this.#end.signal]);
    for (let pause = LOOK; ; pause = Math.min(2 * pause, MAX_LOOK)) {
      signal?.throwIfAborted();
      const reserved = this.tryReserve(size);
      if (reserved !== undefined) return reserved;
      try {
        await kernel.wait([this.map.fd], { signal: either, until: 'writable' });
        // There is room for a byte; for more, only looking again tells.
        await new Promise((resolve) => setTimeout(resolve, pause));
      } catch (error) {
        if (this.#end.signal.aborted) throw ended(this.map);
        throw error;
      }
    }
  }

  /** Writes one record, as soon as there is room. As {@link UserRingBuffer.reserve}. */
  async write(record: Uint8Array, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const reserved = await this.reserve(record.length, options);
    reserved.bytes.set(record);
    reserved.submit();
  }

  /** Writes one record if there is room now; false if there is none. */
  tryWrite(record: Uint8Array): boolean {
    const reserved = this.tryReserve(record.length);
    reserved?.bytes.set(record);
    reserved?.submit();
    return reserved !== undefined;
  }

  /** Ends the mapping; the map stays open. What is reserved and not submitted keeps the program from what comes after. */
  close(): void {
    this.#end.abort();
    for (const mapping of this.#mappings) mapping[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function ended(map: BpfMap): SysError {
  return new SysError(errno.EBADF, 'reserve', { what: `in ${map.label}`, detail: 'the user ring buffer is closed' });
}

/** Maps a user ring buffer for writing. Throws as {@link openRingBuffer}. */
export function openUserRingBuffer(map: BpfMap): UserRingBuffer {
  const { kernel, fd, info } = map;
  if (info.type !== 'user_ringbuf')
    throw new UsageError(`${map.label} is a map of type ${info.type}, not user_ringbuf`);
  const found = withPageSize((page) => kernel.mmap(fd, page + 2 * info.maxEntries, 'read and write', page));
  if (found === undefined) throw new UsageError(`${map.label} cannot be mapped with pages of any size that is known`);
  const { page, mapped } = found;
  const [producer, consumer] = both(mapped, () => kernel.mmap(fd, page, 'read'));
  return new UserRingBuffer(map, consumer, producer, page);
}
