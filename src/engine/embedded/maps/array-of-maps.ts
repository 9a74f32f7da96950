import { BPF_ANY, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { ARRAY_OVERHEAD, checkArraySizes, nextIndex } from './array.ts';
import { checkFlags, FD_ACCESS_FLAGS, NUMA_FLAG, noBtf } from './check.ts';
import { InnerMeta } from './inner.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

const SLOT_SIZE = 8;

/** BPF_MAP_TYPE_ARRAY_OF_MAPS: user space puts map fds in and gets map ids out; a program's lookup gives it the map. */
export const arrayOfMaps: MapType = {
  name: 'array_of_maps',
  type: mapTypeNumber.array_of_maps,
  checkBtf: noBtf,
  ofMaps: true,
  check: (attr) =>
    attr.valueSize !== 4 ? -errno.EINVAL : checkFlags(attr.flags, NUMA_FLAG | FD_ACCESS_FLAGS) || checkArraySizes(attr),
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE + SLOT_SIZE * attr.maxEntries);
    return address === 0 ? -errno.ENOMEM : new ArrayOfMaps(machine, attr, address);
  },
};

/** In linear memory the slots follow the header, each with the address of a map, or 0. The type's own field of the header, at 32: address of the slots. */
class ArrayOfMaps extends BpfMap {
  override readonly batch = ['lookup', 'update'] as const;
  readonly #meta: InnerMeta;
  readonly #slots: number;
  readonly #maps = new Map<number, BpfMap>();

  constructor(machine: Machine, attr: MapAttr, address: number) {
    super(machine, { ...attr, inner: undefined }, address);
    this.#meta = new InnerMeta(attr);
    this.#slots = address + MAP_HEADER_SIZE;
    machine.memory.dv.setUint32(address + 32, this.#slots, true);
  }

  lookup(key: number): number {
    return this.#maps.get(this.#index(key))?.address ?? 0;
  }
  update(_key: number, _value: number, _flags: number): number {
    return -errno.EINVAL;
  }

  delete(key: number): number {
    const index = this.#index(key);
    if (index >= this.attr.maxEntries) return -errno.E2BIG;
    return this.#clear(index) ? 0 : -errno.ENOENT;
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this, key, next);
  }

  copyOut(key: number, out: number): number {
    const map = this.#maps.get(this.#index(key));
    if (map === undefined) return -errno.ENOENT;
    this.machine.memory.dv.setUint32(out, map.id, true);
    return 0;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const { dv } = this.machine.memory;
    const index = this.#index(key);
    if (flags !== BPF_ANY) return -errno.EINVAL;
    if (index >= this.attr.maxEntries) return -errno.E2BIG;
    const map = this.#meta.admitted(dv.getUint32(value, true), from);
    if (typeof map === 'number') return map;
    map.get(); // before the old one goes: it may be the same
    this.#clear(index);
    this.#maps.set(index, map);
    dv.setUint32(this.#slots + SLOT_SIZE * index, map.address, true);
    return 0;
  }

  memoryUsage(): number {
    return ARRAY_OVERHEAD + SLOT_SIZE * this.attr.maxEntries;
  }

  protected override freeMemory(): void {
    for (const map of this.#maps.values()) map.put();
  }

  #index(key: number): number {
    return this.machine.memory.dv.getUint32(key, true);
  }

  #clear(index: number): boolean {
    const map = this.#maps.get(index);
    if (map === undefined) return false;
    this.#maps.delete(index);
    this.machine.memory.dv.setUint32(this.#slots + SLOT_SIZE * index, 0, true);
    map.put();
    return true;
  }
}
