import { BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { ACCESS_FLAGS, checkFlags, NUMA_FLAG, noBtf } from './check.ts';
import { createHash, HashMap } from './hash.ts';
import { checkHashSizes, isPreallocated, type Layout, layOut } from './hash-layout.ts';
import { InnerMeta } from './inner.ts';
import type { BpfMap, Descriptors, MapAttr, MapType } from './map.ts';

/** BPF_MAP_TYPE_HASH_OF_MAPS: a hash whose values are maps, as those of an array of maps. */
export const hashOfMaps: MapType = {
  name: 'hash_of_maps',
  type: mapTypeNumber.hash_of_maps,
  checkBtf: noBtf,
  ofMaps: true,
  check: (attr) =>
    attr.valueSize !== 4
      ? -errno.EINVAL
      : checkFlags(attr.flags, BPF_F_NO_PREALLOC | NUMA_FLAG | ACCESS_FLAGS | BPF_F_ZERO_SEED) || checkHashSizes(attr),
  create: (machine, attr) =>
    createHash(HashOfMaps, machine, attr, layOut(attr, { cpus: machine.cpus, replaces: false })),
};

/** In an element the value is the address of a map. A program that writes over it has changed nothing: what counts is kept outside of the memory. */
class HashOfMaps extends HashMap {
  override readonly inner: InnerMeta;
  /** By address of the value. */
  readonly #maps = new Map<number, BpfMap>();

  constructor(machine: Machine, attr: MapAttr, address: number, layout: Layout) {
    super(machine, { ...attr, inner: undefined }, address, layout);
    this.inner = new InnerMeta(attr);
  }

  override lookup(key: number): number {
    return this.#maps.get(super.lookup(key))?.address ?? 0;
  }
  override update(_key: number, _value: number, _flags: number): number {
    return -errno.EINVAL;
  }

  override copyOut(key: number, out: number): number {
    const value = super.lookup(key);
    if (value === 0) return -errno.ENOENT;
    this.show(out, value);
    return 0;
  }

  override show(out: number, value: number): void {
    this.machine.memory.dv.setUint32(out, this.#maps.get(value)?.id ?? 0, true);
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const { dv } = this.machine.memory;
    const map = this.inner.admitted(dv.getUint32(value, true), from);
    if (typeof map === 'number') return map;
    dv.setUint32(value, map.address, true);
    const refused = super.update(key, value, flags);
    if (refused !== 0) return refused;
    map.get(); // before the old one goes: it may be the same
    const at = super.lookup(key);
    this.#maps.get(at)?.put();
    this.#maps.set(at, map);
    return 0;
  }

  override takeOut(): number {
    return -errno.ENOTSUPP;
  }

  override memoryUsage(): number {
    // Each CPU has a pointer to a spare element, though none is used.
    return super.memoryUsage() + (isPreallocated(this.attr) ? 8 * this.machine.cpus : 0);
  }

  protected override dropped(value: number): void {
    const map = this.#maps.get(value);
    this.#maps.delete(value);
    map?.put();
  }

  protected override freeMemory(): void {
    super.freeMemory();
    for (const map of this.#maps.values()) map.put();
    this.#maps.clear();
  }
}
