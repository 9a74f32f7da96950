import { UsageError } from '../errors.ts';
import type { Mapping } from '../sys/kernel.ts';
import { BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ } from '../uapi/ringbuf.ts';
import { follow } from './follow.ts';
import { checkKernel } from './handle.ts';
import type { BpfMap } from './map.ts';
import { both, withPageSize } from './pages.ts';

/** Bytes that are read before the program's side learns that there is room again. */
const RELEASE_BYTES = 1 << 16;
/** Records that an iterator takes at a time. */
const BATCH = 1024;

/**
 * The reading end of a map of type ringbuf (Linux >= 5.8), mapped into this process. The kernel keeps one position for all readers of a map: there should be
 * one.
 *
 *     ┌──────────────┬──────────────┬──────────────┬──────────────┐
 *     │ consumer_pos │ producer_pos │ data         │ data again   │      pages of their own; a record that goes round the end is in one piece
 *     └──────────────┴──────────────┴──────────────┴──────────────┘
 *       read, write    read           read
 *
 * A record is `u32 length` with the bits of uapi/ringbuf.ts, `u32` for the kernel, and the data, on multiples of 8. How many records found no room only the program
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
  readonly #end = new AbortController();
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
    if (this.#end.signal.aborted) return 0;
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
          if ((word & BPF_RINGBUF_BUSY_BIT) !== 0) return count;
          const length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
          // Behind it, whatever `use` does: a record is given once.
          this.#read += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7;
          if ((word & BPF_RINGBUF_DISCARD_BIT) !== 0) continue;
          count++;
          use(this.#data.subarray(at + BPF_RINGBUF_HDR_SZ, at + BPF_RINGBUF_HDR_SZ + length));
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

  /** The records as they come, each a copy, until `signal` is aborted or this is closed, which ends the loop at once and without an error. */
  async *events(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncGenerator<Uint8Array, void> {
    for await (const { record } of ringEvents([this], options)) yield record;
  }

  /** Tells the program's side how far has been read. */
  #release(): void {
    Atomics.store(this.#position, 0, BigInt(this.#read));
  }

  /** Aborted when this is closed. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** Ends the mapping; the map stays open. Views that `consume` gave are of no use from then on: zeros, or of an embedded kernel what it puts there. */
  close(): void {
    this.#end.abort();
    this.#consumer[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What came in one of several ring buffers. */
export interface RingEvent {
  readonly ring: RingBuffer;
  /** A copy. */
  readonly record: Uint8Array;
}

/**
 * The records of several ring buffers of one kernel as they come, in order within each, until `signal` is aborted or one of them is closed.
 *
 * @example
 * for await (const { ring, record } of ringEvents([execs, exits], { signal })) console.log(ring.map.name, record);
 */
export function ringEvents(
  rings: readonly RingBuffer[],
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<RingEvent, void> {
  const [first] = rings;
  if (first === undefined) throw new UsageError('ringEvents takes one ring buffer at least');
  const { kernel } = first.map;
  for (const { map } of rings) checkKernel(kernel, map);
  const take = (): RingEvent[] => {
    const batch: RingEvent[] = [];
    for (const ring of rings) ring.consume((record) => batch.push({ ring, record: record.slice() }), BATCH);
    return batch;
  };
  const fds = rings.map(({ map }) => map.fd);
  return follow(kernel, fds, take, signal, ...rings.map(({ ended }) => ended));
}

/**
 * Maps a ring buffer for reading. Throws UsageError for other types of map, SysError EPERM without the right to read and write the map, ENODEV through a
 * kernel in another process, whose memory cannot be shared.
 */
export function openRingBuffer(map: BpfMap): RingBuffer {
  const { kernel, fd, info } = map;
  if (info.type !== 'ringbuf') throw new UsageError(`${map.label} is a map of type ${info.type}, not ringbuf`);
  const found = withPageSize((page) => kernel.mmap(fd, page + 2 * info.maxEntries, 'read', page));
  if (found === undefined) throw new UsageError(`${map.label} cannot be mapped with pages of any size that is known`);
  const { page, mapped } = found;
  const [producer, consumer] = both(mapped, () => kernel.mmap(fd, page, 'read and write'));
  return new RingBuffer(map, consumer, producer, page);
}
