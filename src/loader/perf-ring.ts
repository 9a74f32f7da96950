import { UsageError } from '../errors.ts';
import type { Kernel, Mapping } from '../sys/kernel.ts';
import type { Fd } from '../uapi/fd.ts';
import {
  PERF_ATTR_WATERMARK,
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_EVENT_HEADER_SIZE,
  PERF_PAGE_DATA_HEAD,
  PERF_PAGE_DATA_OFFSET,
  PERF_PAGE_DATA_SIZE,
  PERF_PAGE_DATA_TAIL,
  PERF_RECORD_LOST,
  PERF_RECORD_SAMPLE,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_TIME,
  PERF_TYPE_SOFTWARE,
} from '../uapi/perf.ts';
import { saying } from './calls.ts';
import { withPageSize } from './pages.ts';

/** When the kernel wakes a reader: after so many records, or so many bytes. */
export type Wakeup = { readonly events: number } | { readonly bytes: number };

export interface RingSettings {
  /** Bytes of data: a power of two, a page at least. */
  readonly size: number;
  readonly wakeup: Wakeup;
}

/** What {@link PerfRing.consume} hands on. */
export interface RecordSink {
  /** `data` is a view, which is the kernel's again once this returns. */
  sample(time: bigint, data: Uint8Array): void;
  /** Records that found no room, by the kernel's count since it last said so. */
  lost(id: bigint, count: number): void;
  other(type: number, size: number): void;
}

/**
 * The records of one CPU's BPF output, in memory shared with the kernel:
 *
 *     ┌───────────────────────────┬──────────────────────────────┐
 *     │ … data_head data_tail …   │ data                         │    a record that goes round the end of the data is in two pieces
 *     └───────────────────────────┴──────────────────────────────┘
 *       a page, read and write      2^n pages
 *
 * A sample is the header, `u64` time, `u32` size and the data, all together a multiple of 8: the kernel pads the data with up to 7 bytes and counts them.
 */
export class PerfRing implements Disposable {
  readonly fd: Fd;
  readonly #kernel: Kernel;
  readonly #mapping: Mapping;
  readonly #head: BigInt64Array;
  readonly #tail: BigInt64Array;
  readonly #data: Uint8Array;
  readonly #view: DataView;
  /** Where a record that goes round the end is put together; as long as the longest so far. */
  #whole = new Uint8Array(0);
  #read: number;
  #open = true;

  /** Opens an event for the output of programs that run on `cpu`, and maps its records. Throws SysError: ENODEV for a CPU that is offline. */
  constructor(kernel: Kernel, cpu: number, { size, wakeup }: RingSettings) {
    const bytes = 'bytes' in wakeup;
    const attr = {
      type: PERF_TYPE_SOFTWARE,
      config: PERF_COUNT_SW_BPF_OUTPUT,
      sample_period: 1n,
      sample_type: PERF_SAMPLE_TIME | PERF_SAMPLE_RAW,
      ...(bytes ? { flags: PERF_ATTR_WATERMARK, wakeup_watermark: wakeup.bytes } : { wakeup_events: wakeup.events }),
    };
    this.#kernel = kernel;
    this.fd = saying(`of CPU ${cpu}`, () => kernel.perfEventOpen(attr, -1, cpu, -1, 0));
    try {
      this.#mapping = mapRing(kernel, this.fd, size);
    } catch (error) {
      kernel.close(this.fd);
      throw error;
    }
    const { buffer, byteOffset } = this.#mapping.bytes;
    const { offset, length } = dataPlace(this.#mapping.bytes);
    this.#head = new BigInt64Array(buffer, byteOffset + PERF_PAGE_DATA_HEAD, 1);
    this.#tail = new BigInt64Array(buffer, byteOffset + PERF_PAGE_DATA_TAIL, 1);
    this.#data = new Uint8Array(buffer, byteOffset + offset, length);
    this.#view = new DataView(buffer, byteOffset + offset, length);
    this.#read = Number(Atomics.load(this.#tail, 0));
  }

  /** Hands on the records that are there, `max` at most, and gives their room back. Returns how many. */
  consume(sink: RecordSink, max: number): number {
    const end = Number(Atomics.load(this.#head, 0));
    let count = 0;
    try {
      while (this.#read < end && count < max) {
        const at = this.#read & (this.#data.length - 1);
        // Headers are on multiples of 8, and so in one piece.
        const size = this.#view.getUint16(at + 6, true);
        // Behind it, whatever the sink does: a record is given once. A size of 0 is none that the kernel writes, and would never end.
        this.#read += Math.max(size, PERF_EVENT_HEADER_SIZE);
        count++;
        this.#give(sink, at, size);
      }
      return count;
    } finally {
      Atomics.store(this.#tail, 0, BigInt(this.#read));
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mapping[Symbol.dispose]();
    this.#kernel.close(this.fd);
  }

  #give(sink: RecordSink, at: number, size: number): void {
    const type = this.#view.getUint32(at, true);
    const whole = at + size <= this.#data.length;
    const bytes = whole ? this.#data : this.#join(at, size);
    const view = whole ? this.#view : new DataView(bytes.buffer);
    const start = whole ? at : 0;
    const raw = size >= 20 ? view.getUint32(start + 16, true) : 0;
    if (type === PERF_RECORD_SAMPLE && size >= 20 && 20 + raw <= size) {
      sink.sample(view.getBigUint64(start + 8, true), bytes.subarray(start + 20, start + 20 + raw));
    } else if (type === PERF_RECORD_LOST && size >= 24) {
      sink.lost(view.getBigUint64(start + 8, true), Number(view.getBigUint64(start + 16, true)));
    } else sink.other(type, size);
  }

  /** The two pieces of a record side by side. */
  #join(at: number, size: number): Uint8Array {
    if (this.#whole.length < size) this.#whole = new Uint8Array(size);
    const first = this.#data.subarray(at);
    this.#whole.set(first);
    this.#whole.set(this.#data.subarray(0, size - first.length), first.length);
    return this.#whole;
  }
}

function mapRing(kernel: Kernel, fd: Fd, size: number): Mapping {
  const found = withPageSize((page) => {
    const mapping = kernel.mmap(fd, page + Math.max(size, page), 'read and write');
    const { offset, length } = dataPlace(mapping.bytes);
    if (offset + length <= mapping.bytes.length) return mapping;
    // With larger pages the same bytes were another division into pages.
    mapping[Symbol.dispose]();
    return undefined;
  });
  if (found === undefined) throw new UsageError('the perf event cannot be mapped with pages of any size that is known');
  return found.mapped;
}

/** Where the data are, as the kernel says. */
function dataPlace(bytes: Uint8Array): { readonly offset: number; readonly length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    offset: Number(view.getBigUint64(PERF_PAGE_DATA_OFFSET, true)),
    length: Number(view.getBigUint64(PERF_PAGE_DATA_SIZE, true)),
  };
}
