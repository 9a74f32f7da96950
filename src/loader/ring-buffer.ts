import { UsageError } from '../errors.ts';
import type { Mapping } from '../sys/kernel.ts';
import { orUndefined } from './calls.ts';
import type { BpfMap } from './map.ts';

/** Bits of a record's length: it is being written, it was given up. */
const BUSY = 0x80000000;
const DISCARDED = 0x40000000;
const HEADER = 8;
/** Bytes that are read before the program's side learns that there is room again. */
const RELEASE_BYTES = 1 << 16;
/** Bytes of a page, which the positions have one of each. Only trying tells. */
const PAGE_SIZES = [4096, 16384, 65536] as const;

/**
 * The reading end of a map of type ringbuf (Linux >= 5.8), mapped into this process. The kernel keeps one position for all readers of a map: there should be
 * one.
 *
 *     ┌──────────────┬──────────────┬──────────────┬──────────────┐
 *     │ consumer_pos │ producer_pos │ data         │ data again   │      pages of their own; a record that goes round the end is in one piece
 *     └──────────────┴──────────────┴──────────────┴──────────────┘
 *       read, write    read           read
 *
 * A record is `u32 length` with the bits above, `u32` for the kernel, and the data, on multiples of 8. How many records found no room only the program
 * knows, which is told so by bpf_ringbuf_reserve and bpf_ringbuf_output.
 *
 * @example
 * using events = openRingBuffer(loaded.map('events'));
 * for await (const event of events.events({ signal })) console.log(event);
 */
export class RingBuffer implements Disposable {
  readonly map: BpfMap;
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  readonly #position: BigInt64Array;
  readonly #written: BigInt64Array;
  readonly #data: Uint8Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  /** Bytes read since the map was made; below 2^53 for as long as this lasts. */
  #read: number;

  /** Use {@link openRingBuffer}. */
  constructor(map: BpfMap, consumer: Mapping, producer: Mapping, page: number) {
    const size = map.info.maxEntries;
    this.map = map;
    this.#consumer = consumer;
    this.#producer = producer;
    const { bytes: mine } = consumer;
    const { bytes } = producer;
    this.#position = new BigInt64Array(mine.buffer, mine.byteOffset, 1);
    this.#written = new BigInt64Array(bytes.buffer, bytes.byteOffset, 1);
    this.#data = bytes.subarray(page);
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset + page, (2 * size) / 4);
    this.#mask = size - 1;
    this.#read = Number(Atomics.load(this.#position, 0));
  }

  /**
   * Gives the records that are there to `use`, oldest first, and returns how many. Each is a view of the buffer itself, of which the program may write over
   * the bytes once `use` returns: copy what is to stay (`record.slice()`). Stops at a record that is still being written, and after `max` records.
   */
  consume(use: (record: Uint8Array) => void, max = Number.POSITIVE_INFINITY): number {
    const words = this.#words;
    const mask = this.#mask;
    let released = this.#read;
    let count = 0;
    try {
      while (count < max) {
        const end = Number(Atomics.load(this.#written, 0));
        if (this.#read >= end) break;
        while (this.#read < end && count < max) {
          const at = this.#read & mask;
          const word = Atomics.load(words, at >> 2);
          if ((word & BUSY) !== 0) return count;
          const length = word & ~(BUSY | DISCARDED);
          // Behind it, whatever `use` does: a record is given once.
          this.#read += (length + HEADER + 7) & ~7;
          if ((word & DISCARDED) !== 0) continue;
          count++;
          use(this.#data.subarray(at + HEADER, at + HEADER + length));
          if (this.#read - released < RELEASE_BYTES) continue;
          released = this.#read;
          this.#release();
        }
      }
      return count;
    } finally {
      this.#release();
    }
  }

  /**
   * The records as they come, each a copy, until `signal` is aborted, which ends the loop at once and without an error.
   */
  async *events(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncGenerator<Uint8Array, void> {
    const { signal } = options;
    const { kernel, fd } = this.map;
    const isAborted = () => signal?.aborted === true;
    while (!isAborted()) {
      const batch: Uint8Array[] = [];
      this.consume((record) => batch.push(record.slice()), 1024);
      for (const record of batch) {
        if (isAborted()) return;
        yield record;
      }
      if (batch.length > 0) continue;
      try {
        await kernel.wait([fd], { signal });
      } catch (error) {
        if (isAborted()) return;
        throw error;
      }
    }
  }

  /** Tells the program's side how far has been read. */
  #release(): void {
    Atomics.store(this.#position, 0, BigInt(this.#read));
  }

  /** Ends the mapping; the map stays open. Views that `consume` gave read zeros from then on. */
  close(): void {
    this.#consumer[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Maps a ring buffer for reading. Throws UsageError for other types of map, SysError EPERM without the right to read and write the map, ENODEV through a
 * kernel in another process, whose memory cannot be shared.
 */
export function openRingBuffer(map: BpfMap): RingBuffer {
  const { kernel, fd, info } = map;
  if (info.type !== 'ringbuf') throw new UsageError(`${map.label} is a map of type ${info.type}, not ringbuf`);
  for (const page of PAGE_SIZES) {
    const producer = orUndefined(page === PAGE_SIZES.at(-1) ? [] : 'EINVAL', () =>
      kernel.mmap(fd, page + 2 * info.maxEntries, 'read', page),
    );
    if (producer === undefined) continue;
    try {
      return new RingBuffer(map, kernel.mmap(fd, page, 'read and write'), producer, page);
    } catch (error) {
      producer[Symbol.dispose]();
      throw error;
    }
  }
  throw new UsageError(`${map.label} cannot be mapped with pages of any size that is known`);
}
