import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import {
  BPF_RB_FORCE_WAKEUP,
  BPF_RB_NO_WAKEUP,
  BPF_RINGBUF_BUSY_BIT,
  BPF_RINGBUF_DISCARD_BIT,
  BPF_RINGBUF_HDR_SZ,
} from '../../../uapi/ringbuf.ts';
import type { Machine } from '../machine.ts';
import { HOST_PAGE } from './array.ts';
import { checkFlags, NUMA_FLAG } from './check.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** Bytes that a map of this type counts as, for the memlock figure: of it all, and of each page, which has two pointers to it. */
const OVERHEAD = 12616;
const PAGE_COST = HOST_PAGE + 16;
/** Bytes of a record at most. */
export const MAX_RECORD = 0x3fffffff;
/** Bytes of the two pages with the positions before the data. */
export const DATA = 2 * HOST_PAGE;
/** Offset in the header of what {@link RingBuffer} looks at first when it needs room. */
export const PENDING = 40;
/** Of what is 1 while a CPU makes room, where several do. */
export const RESERVING = 48;
const POSITION_MASK = (1n << 64n) - 1n;

/** What programs may say about waking the other side. */
export const WAKEUP_FLAGS = BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP;

/** BPF_MAP_TYPE_RINGBUF: records from programs to user space, which reads them from the mapped memory. `maxEntries` is its size in bytes. */
export const ringbuf: MapType = {
  name: 'ringbuf',
  type: mapTypeNumber.ringbuf,
  check,
  create(machine, attr) {
    const buffer = allocate(machine, attr);
    return buffer === undefined ? -errno.ENOMEM : new RingBuffer(machine, attr, ...buffer);
  },
};

/** BPF_MAP_TYPE_USER_RINGBUF: from user space to programs. */
export const userRingbuf: MapType = {
  name: 'user_ringbuf',
  type: mapTypeNumber.user_ringbuf,
  check,
  create(machine, attr) {
    const buffer = allocate(machine, attr);
    return buffer === undefined ? -errno.ENOMEM : new UserRingBuffer(machine, attr, ...buffer);
  },
};

function check({ keySize, valueSize, maxEntries, flags }: MapAttr): number {
  const refused = checkFlags(flags, NUMA_FLAG);
  const isSize = maxEntries > 0 && (maxEntries & (maxEntries - 1)) === 0 && maxEntries % HOST_PAGE === 0;
  return refused !== 0 || keySize !== 0 || valueSize !== 0 || !isSize ? -errno.EINVAL : 0;
}

/** The header and the pages, which are a block of their own: mappings are of whole pages. */
function allocate({ memory }: Machine, { maxEntries }: MapAttr): [header: number, pages: number] | undefined {
  const header = memory.alloc(MAP_HEADER_SIZE);
  const pages = header === 0 ? 0 : memory.alloc(DATA + 2 * maxEntries);
  if (pages !== 0) return [header, pages];
  memory.free(header);
  return undefined;
}

/**
 * What both directions have in common. In linear memory, with the addresses as the type's own fields of the header (at 32, and the mask at 36; at 40 see RingBuffer):
 *
 *     ┌──────────────┬──────────────┬──────────────┬──────────────┐
 *     │ consumer     │ producer     │ data         │ its end      │
 *     │ position     │ position     │ maxEntries   │ maxEntries   │
 *     └──────────────┴──────────────┴──────────────┴──────────────┘
 *       a page         a page
 *
 * Positions grow for ever, and `position & mask` is the place in the data. On Linux the data is mapped twice, so that a record that goes round the end is in
 * one piece; here such a record goes on behind the data, where nothing else is ever written, which readers cannot tell from it.
 */
export abstract class PagedRing extends BpfMap {
  /** Address of the page with the consumer's position. */
  readonly pages: number;
  readonly mask: number;

  constructor(machine: Machine, attr: MapAttr, address: number, pages: number) {
    super(machine, attr, address);
    this.pages = pages;
    this.mask = attr.maxEntries - 1;
    machine.memory.dv.setUint32(address + 32, pages, true);
    machine.memory.dv.setUint32(address + 36, this.mask, true);
  }

  /** Whether user space may write to these pages: to the position that is its own, and to what it produces. */
  protected abstract mayWrite(offset: number, length: number): boolean;

  override mmap(offset: number, length: number, writable: boolean): number {
    if (writable && !this.mayWrite(offset, length)) return -errno.EPERM;
    return offset + length > DATA + 2 * this.attr.maxEntries ? -errno.EINVAL : this.pages + offset;
  }

  /** Whether user space has something to read. */
  abstract get readable(): boolean;
  /** Whether user space may have room to write. */
  abstract get writable(): boolean;

  /** Wakes the other side if that is `due`, unless `flags` say otherwise. */
  notify(flags: number, due: boolean): void {
    if ((flags & BPF_RB_FORCE_WAKEUP) !== 0 || (due && (flags & BPF_RB_NO_WAKEUP) === 0)) this.machine.wake.all();
  }

  get consumed(): bigint {
    return this.#position(0);
  }
  set consumed(position: bigint) {
    this.machine.memory.dv.setBigUint64(this.pages, position & POSITION_MASK, true);
  }
  get produced(): bigint {
    return this.#position(HOST_PAGE);
  }
  set produced(position: bigint) {
    this.machine.memory.dv.setBigUint64(this.pages + HOST_PAGE, position & POSITION_MASK, true);
  }

  protected placeOf(position: bigint): number {
    return this.pages + DATA + (Number(position & 0xffffffffn) & this.mask);
  }

  lookup(_key: number): number {
    return 0;
  }
  update(_key: number, _value: number, _flags: number): number {
    return -errno.ENOTSUPP;
  }
  delete(_key: number): number {
    return -errno.ENOTSUPP;
  }
  nextKey(_key: number, _next: number): number {
    return -errno.ENOTSUPP;
  }
  copyOut(_key: number, _out: number): number {
    return -errno.ENOTSUPP;
  }

  memoryUsage(): number {
    return OVERHEAD + (this.attr.maxEntries / HOST_PAGE) * PAGE_COST;
  }

  protected override freeMemory(): void {
    this.machine.memory.free(this.pages);
  }

  #position(page: number): bigint {
    return this.machine.memory.dv.getBigUint64(this.pages + page, true);
  }
}

/** A record in the data is `u32 length` with the bits of uapi/ringbuf.ts, `u32` for the kernel, and the bytes, on multiples of 8. */
export class RingBuffer extends PagedRing {
  /** Addresses of the records that programs are writing. */
  readonly #reserved = new Set<number>();
  /** Where the oldest record starts that is still being written, or the next one will. */
  get #pending(): bigint {
    return this.machine.memory.dv.getBigUint64(this.address + PENDING, true);
  }
  set #pending(position: bigint) {
    this.machine.memory.dv.setBigUint64(this.address + PENDING, position, true);
  }

  override exclusively<T>(use: () => T): T {
    return this.machine.memory.locked(this.address + RESERVING, use);
  }

  /** Address of a new record's bytes, 0 if it is too large, or there is no room. It is the reader's once submitted. */
  reserve(size: number): number {
    if (size > MAX_RECORD) return 0;
    const total = (size + BPF_RINGBUF_HDR_SZ + 7) & ~7;
    if (total > this.attr.maxEntries) return 0;
    const { dv } = this.machine.memory;
    const start = this.produced;
    const end = start + BigInt(total);
    this.#skipWritten(start);
    const taken = BigInt.asUintN(64, end - this.consumed);
    if (taken > BigInt(this.mask) || end - this.#pending > BigInt(this.mask)) return 0;
    const header = this.placeOf(start);
    dv.setUint32(header, (size | BPF_RINGBUF_BUSY_BIT) >>> 0, true);
    dv.setUint32(header + 4, (header - this.pages) >>> 12, true);
    this.produced = end;
    const at = header + BPF_RINGBUF_HDR_SZ;
    this.#reserved.add(at);
    this.machine.records.set(at, this);
    return at;
  }

  /** Hands a record to the reader, or gives it up; wakes the reader if it has read all before it, or as `flags` say. */
  commit(at: number, flags: number, discard: boolean): void {
    const { dv } = this.machine.memory;
    this.#forget(at);
    const header = at - BPF_RINGBUF_HDR_SZ;
    const length = dv.getUint32(header, true) & ~BPF_RINGBUF_BUSY_BIT;
    dv.setUint32(header, (discard ? length | BPF_RINGBUF_DISCARD_BIT : length) >>> 0, true);
    const waits = this.placeOf(this.consumed) === header;
    this.notify(flags, waits);
  }

  protected override mayWrite(offset: number, length: number): boolean {
    return offset === 0 && length === HOST_PAGE;
  }

  override get readable(): boolean {
    return this.unread > 0n;
  }
  override get writable(): boolean {
    return false;
  }

  get unread(): bigint {
    return BigInt.asUintN(64, this.produced - this.consumed);
  }

  protected override freeMemory(): void {
    for (const at of this.#reserved) this.#forget(at);
    super.freeMemory();
  }

  #forget(at: number): void {
    this.#reserved.delete(at);
    this.machine.records.delete(at);
  }

  /** Moves the start of the oldest unfinished record on over those that are finished. */
  #skipWritten(end: bigint): void {
    const { dv } = this.machine.memory;
    // Not more steps than there can be records, whatever a program has written there.
    for (let left = this.attr.maxEntries / BPF_RINGBUF_HDR_SZ; this.#pending < end && left > 0; left--) {
      const word = dv.getUint32(this.placeOf(this.#pending), true);
      if ((word & BPF_RINGBUF_BUSY_BIT) !== 0) return;
      const length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
      this.#pending += BigInt((length + BPF_RINGBUF_HDR_SZ + 7) & ~7);
    }
  }
}

/** A record that user space has written. */
export interface UserRecord {
  /** Address of its bytes. */
  readonly at: number;
  readonly size: number;
  /** Bytes with its header, on multiples of 8. */
  readonly total: number;
}

/** Filled by user space; programs empty it with bpf_user_ringbuf_drain. */
export class UserRingBuffer extends PagedRing {
  /** The oldest record; steps over one that was given up. -errno if user space has written nonsense. */
  oldest(): UserRecord | 'none' | 'discarded' | number {
    const consumed = this.consumed;
    const produced = this.produced;
    if (produced % 8n !== 0n) return -errno.EINVAL;
    if (consumed >= produced) return 'none';
    const header = this.placeOf(consumed);
    const word = this.machine.memory.dv.getUint32(header, true);
    const size = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    const record = { at: header + BPF_RINGBUF_HDR_SZ, size, total: (size + BPF_RINGBUF_HDR_SZ + 7) & ~7 };
    if (BigInt(record.total) > produced - consumed) return -errno.EINVAL;
    if (record.total > this.attr.maxEntries) return -errno.E2BIG;
    if ((word & BPF_RINGBUF_DISCARD_BIT) !== 0) {
      this.release(record);
      return 'discarded';
    }
    return (word & BPF_RINGBUF_BUSY_BIT) !== 0 ? 'none' : record;
  }

  /** Gives the room of the oldest record back. */
  release({ total }: UserRecord): void {
    this.consumed += BigInt(total);
  }

  protected override mayWrite(offset: number): boolean {
    return offset !== 0;
  }

  override get readable(): boolean {
    return false;
  }
  override get writable(): boolean {
    return this.produced - this.consumed < BigInt(this.attr.maxEntries);
  }
}
