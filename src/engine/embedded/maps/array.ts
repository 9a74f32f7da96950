import { roundUp } from '../../../bytes/round.ts';
import { BPF_EXIST, BPF_F_INNER_MAP, BPF_F_MMAPABLE, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { ACCESS_FLAGS, checkFlags, dataSection, integerKey, isLocked, NUMA_FLAG, withoutLock } from './check.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** Bytes of Linux's struct bpf_array before the values, for the memlock figure. */
export const ARRAY_OVERHEAD = 312;
/** What a mapping of values is counted in. */
export const HOST_PAGE = 4096;

/** BPF_MAP_TYPE_ARRAY: `maxEntries` values that are always there. */
export const array: MapType = {
  name: 'array',
  type: mapTypeNumber.array,
  checkBtf: (key, value, attr) => (key === undefined ? dataSection(value, attr) : integerKey(key)),
  check: (attr) =>
    checkFlags(attr.flags, NUMA_FLAG | ACCESS_FLAGS | BPF_F_MMAPABLE | BPF_F_INNER_MAP) || checkArraySizes(attr),
  create(machine, attr) {
    const bytes = roundUp(attr.valueSize, 8) * attr.maxEntries;
    // A mapping is of whole pages.
    const room = (attr.flags & BPF_F_MMAPABLE) === 0 ? bytes : roundUp(bytes, HOST_PAGE);
    const address = machine.memory.alloc(MAP_HEADER_SIZE + room);
    return address === 0 ? -errno.ENOMEM : new ArrayMap(machine, attr, address);
  },
};

/** The sizes that all kinds of array have to have. */
export function checkArraySizes({ keySize, valueSize, maxEntries }: MapAttr): number {
  if (keySize !== 4 || valueSize === 0 || maxEntries === 0) return -errno.EINVAL;
  return valueSize > 0x7fffffff ? -errno.E2BIG : 0;
}

/** What BPF_MAP_UPDATE_ELEM's flags mean where every element exists. */
export function checkArrayUpdate(index: number, maxEntries: number, flags: number): number {
  const how = withoutLock(flags);
  if (how > BPF_EXIST) return -errno.EINVAL;
  if (index >= maxEntries) return -errno.E2BIG;
  return how === BPF_NOEXIST ? -errno.EEXIST : 0;
}

/** BPF_MAP_GET_NEXT_KEY of arrays: a key that is no index starts again at 0. */
export function nextIndex(map: BpfMap, key: number, next: number): number {
  const { dv } = map.machine.memory;
  const index = key === 0 ? 0xffffffff : dv.getUint32(key, true);
  if (index === map.attr.maxEntries - 1) return -errno.ENOENT;
  dv.setUint32(next, index >= map.attr.maxEntries ? 0 : index + 1, true);
  return 0;
}

/** What arrays with values in linear memory have in common: where those are, and that every index is there and stays. */
export abstract class ValueArray extends BpfMap {
  override readonly batch = ['lookup', 'update'] as const;
  /** Address of the first value, and bytes from one to the next. */
  readonly values: number;
  readonly stride: number;

  constructor(machine: BpfMap['machine'], attr: MapAttr, address: number) {
    super(machine, attr, address);
    this.values = address + MAP_HEADER_SIZE;
    this.stride = roundUp(attr.valueSize, 8);
    machine.memory.dv.setUint32(address + 32, this.values, true);
    machine.memory.dv.setUint32(address + 36, this.stride, true);
  }

  delete(_key: number): number {
    return -errno.EINVAL;
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this, key, next);
  }

  override valueAround(address: number): number {
    const index = Math.floor((address - this.values) / this.stride);
    return index >= 0 && index < this.attr.maxEntries ? this.values + index * this.stride : 0;
  }

  override keyOf(value: number, room: number): number {
    this.machine.memory.dv.setUint32(room, (value - this.values) / this.stride, true);
    return room;
  }

  override forEach(room: number, visit: (key: number, value: number) => boolean): 'visited' {
    for (let index = 0; index < this.attr.maxEntries; index++) {
      this.machine.memory.dv.setUint32(room, index, true);
      if (!visit(room, this.lookup(room))) break;
    }
    return 'visited';
  }
}

/**
 * In linear memory the values follow the header, each in `roundUp(valueSize, 8)` bytes. The type's own fields of the header:
 *
 *      32          36
 *     ┌───────────┬──────────────────┐
 *     │ values    │ bytes per value  │
 *     └───────────┴──────────────────┘
 */
export class ArrayMap extends ValueArray {
  lookup(key: number): number {
    const index = this.machine.memory.dv.getUint32(key, true);
    return index < this.attr.maxEntries ? this.values + index * this.stride : 0;
  }

  update(key: number, value: number, flags: number): number {
    const index = this.machine.memory.dv.getUint32(key, true);
    const refused = checkArrayUpdate(index, this.attr.maxEntries, flags);
    if (refused !== 0) return refused;
    if (isLocked(flags) && !this.copier.has('spin_lock')) return -errno.EINVAL;
    const at = this.values + index * this.stride;
    this.copier.write(at, value);
    this.copier.drop(at);
    return 0;
  }

  copyOut(key: number, out: number): number {
    const value = this.lookup(key);
    if (value === 0) return -errno.ENOENT;
    this.copier.show(out, value);
    return 0;
  }

  /** Only maps of one element have constant addresses of their values. */
  override directValue(offset: number): number {
    if (this.attr.maxEntries !== 1) return -errno.ENOTSUPP;
    return offset >= this.attr.valueSize ? -errno.EINVAL : this.values;
  }

  override mmap(offset: number, length: number): number {
    if ((this.attr.flags & BPF_F_MMAPABLE) === 0) return -errno.EINVAL;
    const end = roundUp(this.stride * this.attr.maxEntries, HOST_PAGE);
    return offset + length > end ? -errno.EINVAL : this.values + offset;
  }

  protected override freeMemory(): void {
    if (this.copier.fields.length === 0) return;
    for (let index = 0; index < this.attr.maxEntries; index++) this.copier.drop(this.values + index * this.stride);
  }

  memoryUsage(): number {
    const bytes = this.stride * this.attr.maxEntries;
    return (this.attr.flags & BPF_F_MMAPABLE) !== 0 ? roundUp(bytes, HOST_PAGE) + HOST_PAGE : ARRAY_OVERHEAD + bytes;
  }
}
