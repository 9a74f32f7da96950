import {
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  BPF_F_ZERO_SEED,
  mapTypeNumber,
} from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { ACCESS_FLAGS, checkFlags, checkPercpuValue, NUMA_FLAG } from './check.ts';
import { createHash, HashMap } from './hash.ts';
import { checkHashSizes, KEY, type Layout, layOut } from './hash-layout.ts';
import type { BpfMap, MapAttr, MapType } from './map.ts';

/** BPF_MAP_TYPE_LRU_HASH: a hash that is never full, because an element goes that was not used for long. */
export const lruHash: MapType = {
  name: 'lru_hash',
  type: mapTypeNumber.lru_hash,
  check: (attr) => checkLruFlags(attr, (attr.flags & BPF_F_NO_COMMON_LRU) === 0) || checkHashSizes(attr),
  create: (machine, attr) => createLru(machine, attr, 1),
};

/** BPF_MAP_TYPE_LRU_PERCPU_HASH. */
export const lruPercpuHash: MapType = {
  name: 'lru_percpu_hash',
  type: mapTypeNumber.lru_percpu_hash,
  check: (attr) => checkLruFlags(attr, false) || checkHashSizes(attr) || checkPercpuValue(attr),
  create: (machine, attr) => createLru(machine, attr, machine.cpus),
};

function checkLruFlags({ flags }: MapAttr, numa: boolean): number {
  const known = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | NUMA_FLAG | ACCESS_FLAGS | BPF_F_ZERO_SEED;
  const refused = checkFlags(flags, known);
  if (refused !== 0) return refused;
  if ((flags & BPF_F_NO_PREALLOC) !== 0) return -errno.ENOTSUPP;
  return (flags & BPF_F_NUMA_NODE) !== 0 && !numa ? -errno.EINVAL : 0;
}

function createLru(machine: Machine, attr: MapAttr, values: number): BpfMap | number {
  // Each CPU has a list of its own, and the lists are of one length.
  const own = (attr.flags & BPF_F_NO_COMMON_LRU) !== 0;
  const maxEntries = own ? Math.ceil(attr.maxEntries / machine.cpus) * machine.cpus : attr.maxEntries;
  const rounded = { ...attr, maxEntries };
  return createHash(LruHashMap, machine, rounded, layOut(rounded, maxEntries, values, false));
}

/**
 * Which element goes is found as by the hand of a clock: it passes over the places, spares those that a program has looked up since it came by
 * the last time, and takes the first that none has. Linux keeps two lists; neither is exact.
 */
export class LruHashMap extends HashMap {
  /** By place: 1 if used. Lookups by system calls do not count, as on Linux. */
  readonly #used: Uint8Array;
  #hand = 0;

  constructor(machine: Machine, attr: MapAttr, address: number, layout: Layout) {
    super(machine, attr, address, layout);
    this.#used = new Uint8Array(layout.places);
  }

  override lookup(key: number): number {
    const value = super.lookup(key);
    if (value !== 0) this.#used[Math.floor((value - this.places) / this.layout.element)] = 1;
    return value;
  }

  protected override makeRoom(): number {
    for (let left = 2 * this.layout.places; left > 0; left--) {
      const place = this.#hand;
      this.#hand = (place + 1) % this.layout.places;
      const element = this.places + place * this.layout.element;
      // A place that is free has the key of what was there.
      if (this.find(element + KEY) !== element) continue;
      if (this.#used[place] === 1) this.#used[place] = 0;
      else return this.delete(element + KEY);
    }
    return -errno.ENOMEM; // only if a program has written over the links
  }
}
