import { BPF_F_MMAPABLE, BPF_F_NO_USER_CONV, BPF_F_SEGV_ON_FAULT, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { AddressSpace } from '../address-space.ts';
import type { Wide } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import { HOST_PAGE } from './array.ts';
import { FreePages } from './free-pages.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

const PAGE_SHIFT = 12;
/** Programs know a byte of an arena by the low word of its address. */
const SZ_4G = 2 ** 32;
/** Pages of arenas that are looked through for what user space has written. */
const LOOKED_THROUGH = 4096;
/** High word of the addresses that arenas have in user space if nobody says which. */
const USER_HIGH = 0x7f00;

/**
 * BPF_MAP_TYPE_ARENA: memory of `maxEntries` pages that programs and user space know by the same addresses. `mapExtra`: the first of them; 0: it is that of the first
 * mapping.
 */
export const arena: MapType = {
  name: 'arena',
  type: mapTypeNumber.arena,
  check({ keySize, valueSize, maxEntries, flags, mapExtra }) {
    const others = flags & ~(BPF_F_SEGV_ON_FAULT | BPF_F_MMAPABLE | BPF_F_NO_USER_CONV);
    const mappable = (flags & BPF_F_MMAPABLE) !== 0;
    if (keySize !== 0 || valueSize !== 0 || maxEntries === 0 || !mappable || others !== 0) return -errno.EINVAL;
    const low = Number(BigInt.asUintN(32, mapExtra));
    if (low % HOST_PAGE !== 0) return -errno.EINVAL;
    if (maxEntries * HOST_PAGE > SZ_4G) return -errno.E2BIG;
    return low + maxEntries * HOST_PAGE > SZ_4G ? -errno.ERANGE : 0;
  },
  checkBtf: () => 0,
  create(machine, attr) {
    const header = machine.memory.alloc(MAP_HEADER_SIZE);
    const block = header === 0 ? 0 : allocateBlock(machine, attr.maxEntries);
    if (block !== 0) return new ArenaMap(machine, attr, header, block);
    machine.memory.free(header);
    return noRoom(machine, attr.maxEntries);
  },
};

/** The pages, and behind them a byte for each; 0 if there is no room. */
function allocateBlock({ memory }: Machine, pages: number): number {
  return memory.allocPages(pages + Math.ceil(pages / HOST_PAGE));
}

function noRoom(machine: Machine, pages: number): number {
  const detail = `${pages} pages of an arena have no room in the memory of the embedded kernel, which is 2 GiB at most; give it fewer max_entries, or use the linux kernel`;
  return machine.task?.fail(errno.ENOMEM, detail) ?? -errno.ENOMEM;
}

/**
 * The pages are one block of linear memory, which nobody else gets as long as the map is there; behind them is a byte for each that says whether it is there. A page is
 * there from when a program allocates it, or user space has written something to it. What is not there programs read as 0, and what they write there is lost.
 *
 * To programs a byte is its address in user space, or the low word of that: `userLow + offset`. Unless somebody asks for another address, that is where it is in linear memory.
 */
export class ArenaMap extends BpfMap {
  /** Address of the first page. It and what follows are settled once the arena has an address in user space, which programs that use it wait for. */
  base!: number;
  /** Bytes that programs may reach. */
  size!: number;
  /** Address of the bytes that say which pages are there: 1. What a program that no verifier has seen writes there makes writes to other pages count or be lost. */
  table!: number;
  /** Where user space has it, as two words; both 0: nowhere yet. */
  userLow = 0;
  userHigh = 0;
  /** Bytes of that. */
  #userSize = 0;
  /** User space has it, or had it: it may have written to any page. */
  #wasMapped = false;
  /** User space has been given its bytes since they were last looked through. */
  #isHandedOut = false;
  #free!: FreePages;

  /** `block`: of {@link allocateBlock}. */
  constructor(machine: Machine, attr: MapAttr, address: number, block: number) {
    super(machine, attr, address);
    this.#setBlock(block, attr.maxEntries);
    if (attr.mapExtra === 0n) return;
    this.userLow = Number(BigInt.asUintN(32, attr.mapExtra));
    this.userHigh = Number(attr.mapExtra >> 32n);
    this.#userSize = attr.maxEntries * HOST_PAGE;
  }

  /** Whether it has an address in user space. */
  get isPlaced(): boolean {
    return this.#userSize !== 0;
  }

  /** Whether programs get addresses of user space for pointers of theirs. */
  get convertsPointers(): boolean {
    return (this.attr.flags & BPF_F_NO_USER_CONV) === 0;
  }

  /** The address of a mapping, where `wanted` or anywhere; -errno. */
  override place(space: AddressSpace, offset: number, length: number, wanted: number | undefined): number {
    if (offset !== 0) return -errno.EINVAL;
    if (length > SZ_4G) return -errno.E2BIG;
    if (this.isPlaced) {
      if (length !== this.#userSize) return length > this.#userSize ? -errno.E2BIG : -errno.EINVAL;
      if (wanted !== SZ_4G * this.userHigh + this.userLow) return -errno.EINVAL;
    } else if (length > this.size && !this.#extend(length / HOST_PAGE)) return noRoom(this.machine, length / HOST_PAGE);
    if (wanted === undefined) return space.choose(SZ_4G * USER_HIGH + this.base, length);
    const refused = space.check(wanted, length);
    if (refused !== 0) return refused;
    return (wanted % SZ_4G) + length > SZ_4G ? -errno.EINVAL : wanted;
  }

  override mmap(_offset: number, length: number, _writable: boolean, at: number): number {
    if (!this.isPlaced) {
      this.userLow = at % SZ_4G;
      this.userHigh = Math.floor(at / SZ_4G);
      this.#userSize = length;
    }
    this.#wasMapped = true;
    return this.base;
  }

  override handOut(): void {
    this.#isHandedOut = true;
  }

  /** User space writes to these bytes, even if only zeros. */
  override touch(offset: number, length: number): void {
    const end = Math.min(this.size, offset + length);
    for (let page = offset >>> PAGE_SHIFT; page * HOST_PAGE < end; page++) this.#claim(page);
  }

  /** For BPF_PSEUDO_MAP_VALUE: the address in user space, whatever is there. */
  override userAddress(offset: number): Wide | number {
    if (offset > this.#userSize) return -errno.ERANGE;
    const low = this.userLow + offset;
    return { low: low | 0, high: low < SZ_4G ? this.userHigh : this.userHigh + 1 };
  }

  /** Where `size` bytes are in linear memory that programs have at the register `low` + `off`; -1 if they are not all there. */
  at(low: number, off: number, size: number): number {
    const offset = (low >>> 0) + off - this.userLow;
    return this.reaches(offset, size) ? this.base + offset : -1;
  }

  /** Whether `size` bytes, 8 at most, from an offset on are on pages that are there. */
  reaches(offset: number, size: number): boolean {
    if (!(offset >= 0 && offset + size <= this.size)) return false;
    const first = offset >>> PAGE_SHIFT;
    const last = (offset + size - 1) >>> PAGE_SHIFT;
    return this.#isThere(first) && (last === first || this.#isThere(last));
  }

  /** bpf_arena_alloc_pages: the low word of the address of so many zeroed pages, at the address that is wanted unless that is 0; `undefined` if they cannot be had. */
  allocate(wanted: Wide, count: number): number | undefined {
    const most = this.#userSize >>> PAGE_SHIFT;
    if (count === 0 || count > most) return undefined;
    const anywhere = wanted.low === 0 && wanted.high === 0;
    const hint = this.#page(wanted.low);
    if (!anywhere && (wanted.low % HOST_PAGE !== 0 || hint > most - count)) return undefined;
    this.#lookThrough();
    for (;;) {
      const first = anywhere ? this.#free.find(count) : this.#free.isFree(hint, count) ? hint : -1;
      if (first < 0) return undefined;
      // What user space has written to is not free, though nobody has said so.
      if (this.#claimWritten(first, count)) continue;
      this.#free.take(first, count);
      const { memory } = this.machine;
      memory.u8.fill(1, this.table + first, this.table + first + count);
      if (this.#mayNotTouch) memory.clear(this.base + first * HOST_PAGE, count * HOST_PAGE);
      return (this.userLow + first * HOST_PAGE) | 0;
    }
  }

  /** bpf_arena_free_pages. Pages before and behind those of user space stay as they are. */
  release(address: number, count: number): void {
    const from = (address & -HOST_PAGE) >>> 0;
    const start = Math.max(0, from - this.userLow);
    const end = Math.min(this.#userSize, from - this.userLow + count * HOST_PAGE);
    if (start >= end) return;
    const [first, pages] = [start >>> PAGE_SHIFT, (end - start) >>> PAGE_SHIFT];
    const { memory } = this.machine;
    const { u8 } = memory;
    for (let page = first; page < first + pages; page++) {
      if (u8[this.table + page] === 0 && !this.#isWritten(page)) continue;
      u8[this.table + page] = 0;
      memory.clear(this.base + page * HOST_PAGE, HOST_PAGE);
    }
    this.#free.give(first, pages);
  }

  /** bpf_arena_reserve_pages: nobody is given these pages from now on. 0 or -errno. */
  setAside(address: Wide, count: number): number {
    if (count === 0 || address.low % HOST_PAGE !== 0) return 0;
    const first = this.#page(address.low);
    if (first + count > this.#userSize >>> PAGE_SHIFT) return -errno.EINVAL;
    if (!this.#free.isFree(first, count) || this.#claimWritten(first, count)) return -errno.EBUSY;
    this.#free.take(first, count);
    return 0;
  }

  lookup(_key: number): number {
    return 0;
  }
  update(_key: number, _value: number, _flags: number): number {
    return -errno.EOPNOTSUPP;
  }
  delete(_key: number): number {
    return -errno.EOPNOTSUPP;
  }
  nextKey(_key: number, _next: number): number {
    return -errno.EOPNOTSUPP;
  }
  copyOut(_key: number, _out: number): number {
    return -errno.EINVAL;
  }

  memoryUsage(): number {
    return 0;
  }

  protected override freeMemory(): void {
    const { memory } = this.machine;
    for (let page = 0; page < this.#free.pages; page++)
      if (memory.u8[this.table + page] !== 0 || (this.#wasMapped && this.#hasBytes(page)))
        memory.soil(this.base + page * HOST_PAGE, HOST_PAGE);
    memory.soil(this.table, this.#free.pages);
    memory.free(this.base);
  }

  #setBlock(block: number, pages: number): void {
    this.base = block;
    this.size = pages * HOST_PAGE;
    this.table = block + this.size;
    this.#free = new FreePages(pages, this.attr.maxEntries);
  }

  /** Gets so many pages, of which those of `maxEntries` can be allocated; false if there is no room. Nobody has used any yet. */
  #extend(pages: number): boolean {
    const block = allocateBlock(this.machine, pages);
    if (block === 0) return false;
    this.freeMemory();
    this.#setBlock(block, pages);
    return true;
  }

  /** Whether user space gets SIGSEGV where no program has allocated a page: whatever it writes there does not count. */
  get #mayNotTouch(): boolean {
    return (this.attr.flags & BPF_F_SEGV_ON_FAULT) !== 0;
  }

  #page(low: number): number {
    return (low - this.userLow) >>> PAGE_SHIFT;
  }

  #isThere(page: number): boolean {
    if (this.machine.memory.u8[this.table + page] !== 0) return true;
    if (!this.#isWritten(page)) return false;
    this.#claim(page);
    return true;
  }

  /** Claims what user space has written to, so that the runs between it are as on Linux; but not of large arenas, where it takes longer than that is worth. */
  #lookThrough(): void {
    if (!this.#isHandedOut || this.#free.pages > LOOKED_THROUGH) return;
    this.#isHandedOut = false;
    this.#claimWritten(0, this.#free.pages);
  }

  /** Claims those pages that user space has written to though they were not there; whether there are any. */
  #claimWritten(first: number, count: number): boolean {
    const { u8 } = this.machine.memory;
    let any = false;
    for (let page = first; this.#wasMapped && page < first + count; page++) {
      if (u8[this.table + page] !== 0 || !this.#isWritten(page)) continue;
      this.#claim(page);
      any = true;
    }
    return any;
  }

  #claim(page: number): void {
    this.machine.memory.u8[this.table + page] = 1;
    this.#free.take(page, 1);
  }

  /** Whether user space has written to a page that was not there. */
  #isWritten(page: number): boolean {
    return this.#wasMapped && !this.#mayNotTouch && this.#hasBytes(page);
  }

  #hasBytes(page: number): boolean {
    const { i32 } = this.machine.memory;
    const start = (this.base + page * HOST_PAGE) >>> 2;
    for (let at = start; at < start + HOST_PAGE / 4; at++) if (i32[at] !== 0) return true;
    return false;
  }
}
