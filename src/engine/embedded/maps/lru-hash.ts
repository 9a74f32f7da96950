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
import { checkHashSizes, layOut, STATE } from './hash-layout.ts';
import type { BpfMap, MapAttr, MapType } from './map.ts';

/** BPF_MAP_TYPE_LRU_HASH: a hash that is never full, because an element goes that was not used for long. */
export const lruHash: MapType = {
  name: 'lru_hash',
  type: mapTypeNumber.lru_hash,
  check: (attr) => checkLruFlags(attr, (attr.flags & BPF_F_NO_COMMON_LRU) === 0) || checkHashSizes(attr),
  create: (machine, attr) => createLru(machine, attr, false),
};

/** BPF_MAP_TYPE_LRU_PERCPU_HASH. */
export const lruPercpuHash: MapType = {
  name: 'lru_percpu_hash',
  type: mapTypeNumber.lru_percpu_hash,
  check: (attr) => checkLruFlags(attr, false) || checkHashSizes(attr) || checkPercpuValue(attr),
  create: (machine, attr) => createLru(machine, attr, true),
};

function checkLruFlags({ flags }: MapAttr, numa: boolean): number {
  const known = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | NUMA_FLAG | ACCESS_FLAGS | BPF_F_ZERO_SEED;
  const refused = checkFlags(flags, known);
  if (refused !== 0) return refused;
  if ((flags & BPF_F_NO_PREALLOC) !== 0) return -errno.ENOTSUPP;
  return (flags & BPF_F_NUMA_NODE) !== 0 && !numa ? -errno.EINVAL : 0;
}

function createLru(machine: Machine, attr: MapAttr, percpu: boolean): BpfMap | number {
  // Each CPU has a list of its own, and the lists are of one length.
  const own = (attr.flags & BPF_F_NO_COMMON_LRU) !== 0;
  const maxEntries = own ? Math.ceil(attr.maxEntries / machine.cpus) * machine.cpus : attr.maxEntries;
  const rounded = { ...attr, maxEntries };
  const options = { cpus: machine.cpus, percpu, replaces: false };
  return createHash(LruHashMap, machine, rounded, layOut(rounded, options));
}

// What an element's state says.
export const NOT_USED = 0;
export const USED = 1;

/**
 * Which element goes is found as by the hand of a clock: it passes over the places, spares those that a program has looked up since it came by
 * the last time, and takes the first that none has. Linux keeps two lists; neither is exact. Lookups by system calls do not count, as on Linux.
 */
export class LruHashMap extends HashMap {
  override lookup(key: number): number {
    const element = this.find(key);
    if (element === 0) return 0;
    this.machine.memory.dv.setUint32(element + STATE, USED, true);
    return this.valueHere(element);
  }

  protected override makeRoom(): number {
    const { dv } = this.machine.memory;
    for (let left = 2 * this.layout.places; left > 0; left--) {
      const { place, element } = this.nextPlace();
      if (dv.getUint32(element + STATE, true) !== NOT_USED) dv.setUint32(element + STATE, NOT_USED, true);
      else if (this.takeOutAt(place)) return place;
    }
    return -errno.ENOMEM; // only if a program has written over the links
  }
}
