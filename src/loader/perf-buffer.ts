import { u32Bytes } from '../bytes/plain.ts';
import { UsageError } from '../errors.ts';
import { BPF_F_PRESERVE_ELEMS } from '../uapi/bpf.ts';
import { onlineCpus, orUndefined } from './calls.ts';
import { follow } from './follow.ts';
import { setSlot } from './make-maps.ts';
import { type BpfMap, openMap } from './map.ts';
import { PerfRing, type RecordSink, type Wakeup } from './perf-ring.ts';

/** Bytes of each CPU's records, unless said otherwise. */
const DEFAULT_SIZE = 1 << 16;
/** Events that the iterator takes at a time. */
const BATCH = 1024;

/** What a program said with bpf_perf_event_output. */
export interface PerfSample {
  /** The CPU that the program ran on. */
  readonly cpu: number;
  /** The slot of the map. */
  readonly index: number;
  /** Nanoseconds of the kernel's clock for perf events. */
  readonly time: bigint;
  /** What the program said, and up to 7 bytes more: the kernel makes it a multiple of 8, less 4. */
  readonly data: Uint8Array;
}

/** Samples of one CPU that found no room. */
export interface PerfLoss {
  readonly cpu: number;
  readonly index: number;
  /** The kernel's number of the perf event. */
  readonly id: bigint;
  /** Since the kernel last said so. */
  readonly count: number;
}

export interface PerfBufferOptions {
  /** Bytes of each CPU's records: a power of two. 64 KiB if not said. */
  readonly size?: number | undefined;
  /** Wakes a reader after so many events, or bytes of records. Every event if not said. */
  readonly wakeup?: Wakeup | undefined;
  /** Which CPUs, and which slots for them. Default: every CPU that is online, in the slot of its number, as BPF_F_CURRENT_CPU means it. */
  readonly slots?: readonly { readonly cpu: number; readonly index: number }[] | undefined;
  /** Told when samples were lost. */
  readonly onLost?: ((loss: PerfLoss) => void) | undefined;
}

interface Slot {
  readonly cpu: number;
  readonly index: number;
  readonly ring: PerfRing;
}

/**
 * The reading end of a map of type perf_event_array: a perf event for each CPU, whose records are mapped into this process. The slots of the map are the
 * reader's as long as it is open; who else opens one takes them over.
 *
 * @example
 * using perf = openPerfBuffer(loaded.map('events'));
 * for await (const { cpu, data } of perf.events({ signal })) console.log(cpu, data);
 */
export class PerfBuffer implements Disposable {
  readonly map: BpfMap;
  readonly #slots: readonly Slot[];
  readonly #takeBack: () => void;
  readonly #onLost: ((loss: PerfLoss) => void) | undefined;
  readonly #end = new AbortController();
  #lost = 0;

  /** Use {@link openPerfBuffer}. */
  constructor(
    map: BpfMap,
    slots: readonly Slot[],
    takeBack: () => void,
    onLost: ((loss: PerfLoss) => void) | undefined,
  ) {
    this.map = map;
    this.#slots = slots;
    this.#takeBack = takeBack;
    this.#onLost = onLost;
  }

  /** The CPUs that are read from. */
  get cpus(): number[] {
    return this.#slots.map(({ cpu }) => cpu);
  }

  /** Samples lost so far, as far as has been read. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * Gives the samples that are there to `use`, those of each CPU oldest first, and returns how many. Their data are views of the buffer itself, which the
   * kernel writes over once `use` returns: copy what is to stay (`data.slice()`). Takes `max` records of each CPU at most.
   */
  consume(use: (sample: PerfSample) => void, max = Number.POSITIVE_INFINITY): number {
    let count = 0;
    for (const { cpu, index, ring } of this.#slots) {
      const sink: RecordSink = {
        sample: (time, data) => {
          count++;
          use({ cpu, index, time, data });
        },
        lost: (id, lost) => {
          this.#lost += lost;
          this.#onLost?.({ cpu, index, id, count: lost });
        },
        // Events of this kind have no others; who wants to know may count.
        other: () => {},
      };
      if (!this.#end.signal.aborted) ring.consume(sink, max);
    }
    return count;
  }

  /** The samples as they come, each a copy, until `signal` is aborted or this is closed, which ends the loop at once and without an error. */
  events(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncGenerator<PerfSample, void> {
    const take = (): PerfSample[] => {
      const batch: PerfSample[] = [];
      this.consume((sample) => batch.push({ ...sample, data: sample.data.slice() }), BATCH);
      return batch;
    };
    return follow(
      this.map.kernel,
      this.#slots.map(({ ring }) => ring.fd),
      take,
      options.signal,
      this.#end.signal,
    );
  }

  /** Takes the slots back and ends the events; the map stays open. Views that `consume` gave are of no use from then on: zeros, or of an embedded kernel what it puts there. */
  close(): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#takeBack();
    for (const { ring } of this.#slots) ring[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a perf event on each CPU and puts it into the map (Linux >= 4.4). Throws UsageError for other types of map and sizes that are none, SysError EACCES
 * where perf events are not permitted, E2BIG for a slot that the map does not have, ENODEV through a kernel in another process, ENOTSUPP on one that has no
 * perf events.
 */
export function openPerfBuffer(map: BpfMap, options: PerfBufferOptions = {}): PerfBuffer {
  const { kernel, info, label } = map;
  if (info.type !== 'perf_event_array')
    throw new UsageError(`${label} is a map of type ${info.type}, not perf_event_array`);
  const { size = DEFAULT_SIZE, wakeup = { events: 1 }, onLost } = options;
  checkSize(size);
  const opened: Slot[] = [];
  const owner = ownFile(map);
  const takeBack = () => (owner === undefined ? takeSlotsBack(map, opened) : owner.close());
  try {
    for (const { cpu, index } of options.slots ?? ownSlots(map)) {
      const open = () => new PerfRing(kernel, cpu, { size, wakeup });
      // A CPU may go offline between a look and the other.
      const ring = options.slots === undefined ? orUndefined('ENODEV', open) : open();
      if (ring === undefined) continue;
      opened.push({ cpu, index, ring });
      setSlot(owner ?? map, index, ring.fd);
    }
    return new PerfBuffer(map, opened, takeBack, onLost);
  } catch (error) {
    takeBack();
    for (const { ring } of opened) ring[Symbol.dispose]();
    throw error;
  }
}

function checkSize(size: number): void {
  if (Number.isSafeInteger(size) && size >= 4096 && size <= 2 ** 30 && Number.isInteger(Math.log2(size))) return;
  throw new UsageError(`size ${size} of a perf buffer: a power of two from 4096 to ${2 ** 30} is expected`);
}

function ownSlots({ kernel, info }: BpfMap): { cpu: number; index: number }[] {
  return onlineCpus(kernel).flatMap((cpu) => (cpu < info.maxEntries ? [{ cpu, index: cpu }] : []));
}

/**
 * A file of the map for this reader alone: when it is closed, the kernel takes out what came in through it and nothing else. `undefined` where only the holder
 * of an fd may have the map, or the map keeps what is in it.
 */
function ownFile({ kernel, info, id }: BpfMap): BpfMap | undefined {
  if ((info.flags & BPF_F_PRESERVE_ELEMS) !== 0) return undefined;
  return orUndefined('EPERM', () => openMap(kernel, { id }));
}

function takeSlotsBack(map: BpfMap, slots: readonly Slot[]): void {
  // EBADF: the map was closed before, and with it the slots.
  for (const { index } of slots) orUndefined(['EBADF', 'E2BIG'], () => map.deleteBytes(u32Bytes(index)));
}
