import { errno } from '../../uapi/errno.ts';
import type { PerfEventAttr } from '../../uapi/perf.ts';
import {
  PERF_ATTR_DISABLED,
  PERF_ATTR_WATERMARK,
  PERF_EVENT_HEADER_SIZE,
  PERF_PAGE_DATA_HEAD,
  PERF_PAGE_DATA_OFFSET,
  PERF_PAGE_DATA_SIZE,
  PERF_PAGE_DATA_TAIL,
  PERF_RECORD_LOST,
  PERF_RECORD_SAMPLE,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_TIME,
} from '../../uapi/perf.ts';
import type { Machine } from './machine.ts';
import type { Mappable } from './mapping.ts';
import { HOST_PAGE } from './maps/array.ts';
import type { Process } from './process.ts';
import { RefCounted } from './refs.ts';

const LOST_SIZE = PERF_EVENT_HEADER_SIZE + 16;
const MAX_RECORD = 0xffff;
const MAX_PAGES = 1 << 15;

/** perf_event_open(2) of what programs put out on one CPU. The new fd, or -errno. */
export function openPerfEvent(process: Process, attr: PerfEventAttr, cpu: number): number {
  const { sample_type = 0n } = attr;
  if ((sample_type & ~(PERF_SAMPLE_TIME | PERF_SAMPLE_RAW)) !== 0n)
    return process.fail(errno.ENOTSUPP, 'the embedded kernel samples PERF_SAMPLE_TIME and PERF_SAMPLE_RAW only');
  if (cpu < 0) return process.fail(errno.EINVAL, 'an event of the output of programs is for one CPU');
  if (cpu >= process.machine.cpus) return -errno.ENODEV;
  return process.files.add({ kind: 'perf_event', event: new PerfEvent(process.machine, attr, cpu) });
}

/** The records that programs put out on a CPU, in memory that a reader maps. */
export class PerfEvent extends RefCounted implements Mappable {
  readonly machine: Machine;
  readonly cpu: number;
  readonly id: number;
  enabled: boolean;
  readonly #timed: boolean;
  readonly #raw: boolean;
  readonly #watermark: number | undefined;
  readonly #wakeupEvents: number;
  #ring: Ring | undefined;
  #mappings = 0;
  #woken = false;

  constructor(machine: Machine, attr: PerfEventAttr, cpu: number) {
    super();
    const { sample_type = 0n, flags = 0n, wakeup_events = 0, wakeup_watermark = 0 } = attr;
    this.machine = machine;
    this.cpu = cpu;
    this.id = machine.perfEvents++;
    this.enabled = (flags & PERF_ATTR_DISABLED) === 0n;
    this.#timed = (sample_type & PERF_SAMPLE_TIME) !== 0n;
    this.#raw = (sample_type & PERF_SAMPLE_RAW) !== 0n;
    this.#watermark = (flags & PERF_ATTR_WATERMARK) === 0n ? undefined : wakeup_watermark;
    this.#wakeupEvents = wakeup_events;
  }

  /** Whether something has happened since a reader last asked; that it asks, ends it. */
  takeWoken(): boolean {
    const woken = this.#woken;
    this.#woken = false;
    return woken;
  }

  mmap(offset: number, length: number, writable: boolean): number {
    const pages = length / HOST_PAGE - 1;
    if (offset !== 0 || pages < 0 || (pages & (pages - 1)) !== 0) return -errno.EINVAL;
    if (this.#ring !== undefined) return this.#ring.size === pages * HOST_PAGE ? this.#ring.page : -errno.EINVAL;
    const address = pages > MAX_PAGES ? 0 : this.machine.memory.alloc(length);
    if (address === 0) return -errno.ENOMEM;
    const size = pages * HOST_PAGE;
    this.#ring = new Ring(this.machine, address, size, !writable, this.#watermark);
    return address;
  }
  mapped(): void {
    this.get();
    this.#mappings++;
  }
  unmapped(): void {
    this.#mappings--;
    if (this.#mappings === 0) this.#freeRing();
    this.put();
  }

  /** Puts out what is at `pieces`, pairs of address and length: 0 or -errno. */
  output(pieces: readonly (readonly [at: number, size: number])[]): number {
    const ring = this.#ring;
    if (ring === undefined || ring.size === 0) return -errno.ENOENT;
    const data = pieces.reduce((sum, [, size]) => sum + size, 0);
    // The size of the data stands before them, and all is a multiple of 8.
    const raw = this.#raw ? (data + 4 + 7) & ~7 : 0;
    const size = PERF_EVENT_HEADER_SIZE + (this.#timed ? 8 : 0) + raw;
    if (size > MAX_RECORD) return -errno.E2BIG;
    if (!ring.begin(size, this.id)) return -errno.ENOSPC;
    ring.header(PERF_RECORD_SAMPLE, size);
    if (this.#timed) ring.u64(this.machine.clock.now());
    if (this.#raw) {
      ring.u32(raw - 4);
      for (const [at, length] of pieces) ring.copy(at, length);
      ring.skip(raw - 4 - data);
    }
    const wakes = ring.end(this.#watermark === undefined ? this.#wakeupEvents : 0);
    if (wakes) {
      this.#woken = true;
      this.machine.wake.all();
    }
    return 0;
  }

  protected override destroy(): void {
    this.#freeRing();
  }

  #freeRing(): void {
    if (this.#ring !== undefined) this.machine.memory.free(this.#ring.page);
    this.#ring = undefined;
  }
}

/** The page with the positions, and behind it the data. Positions grow for ever; a record may go round the end of the data. */
class Ring {
  readonly page: number;
  readonly size: number;
  readonly #machine: Machine;
  readonly #overwrites: boolean;
  readonly #watermark: number;
  #head = 0;
  #lost = 0;
  #events = 0;
  /** The head at which the reader was last woken for bytes. */
  #wokenAt = 0;

  constructor(machine: Machine, page: number, size: number, overwrites: boolean, watermark: number | undefined) {
    this.#machine = machine;
    this.page = page;
    this.size = size;
    this.#overwrites = overwrites;
    this.#watermark = Math.min(size, watermark || size / 2);
    machine.memory.dv.setBigUint64(page + PERF_PAGE_DATA_OFFSET, BigInt(HOST_PAGE), true);
    machine.memory.dv.setBigUint64(page + PERF_PAGE_DATA_SIZE, BigInt(size), true);
  }

  /** False if there is no room: the record is lost, which the next one that finds room says first. */
  begin(size: number, id: number): boolean {
    const before = this.#lost > 0 ? LOST_SIZE : 0;
    const tail = Number(this.#machine.memory.dv.getBigUint64(this.page + PERF_PAGE_DATA_TAIL, true));
    // As the kernel counts: one byte stays free.
    const room = (tail - (this.#head + 1)) & (this.size - 1);
    if (!this.#overwrites && room < size + before) {
      this.#lost++;
      return false;
    }
    if (before > 0) {
      this.header(PERF_RECORD_LOST, LOST_SIZE);
      this.u64(BigInt(id));
      this.u64(BigInt(this.#lost));
      this.#lost = 0;
    }
    return true;
  }

  /** Hands the record over. True if the reader is to be woken: after so many events, or else so many bytes. */
  end(wakeupEvents: number): boolean {
    this.#machine.memory.dv.setBigUint64(this.page + PERF_PAGE_DATA_HEAD, BigInt(this.#head), true);
    this.#events++;
    const byEvents = wakeupEvents > 0 && this.#events >= wakeupEvents;
    if (byEvents) this.#events = 0;
    const byBytes = this.#head - this.#wokenAt > this.#watermark;
    if (byBytes) this.#wokenAt = this.#head;
    return byEvents || byBytes;
  }

  header(type: number, size: number): void {
    const at = this.#take(PERF_EVENT_HEADER_SIZE);
    const { dv } = this.#machine.memory;
    dv.setUint32(at, type, true);
    dv.setUint16(at + 4, 0, true);
    dv.setUint16(at + 6, size, true);
  }
  u64(value: bigint): void {
    this.#machine.memory.dv.setBigUint64(this.#take(8), value, true);
  }
  u32(value: number): void {
    this.#machine.memory.dv.setUint32(this.#take(4), value, true);
  }
  copy(from: number, length: number): void {
    const { u8 } = this.#machine.memory;
    for (let done = 0; done < length; ) {
      const part = Math.min(length - done, this.size - (this.#head & (this.size - 1)));
      u8.copyWithin(this.#take(part), from + done, from + done + part);
      done += part;
    }
  }
  skip(length: number): void {
    this.#head += length;
  }

  /** Address of bytes that are in one piece: those of a multiple of 4 at a multiple of 4. */
  #take(length: number): number {
    const at = this.page + HOST_PAGE + (this.#head & (this.size - 1));
    this.#head += length;
    return at;
  }
}
