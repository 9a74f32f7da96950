import { roundUp } from '../../../bytes/round.ts';
import { mapTypeNumber } from '../../../uapi/bpf.ts';
import type { BpfMap } from '../maps/map.ts';
import { Placed } from '../placed.ts';
import { showMap, type Walk } from './targets.ts';

const PER_CPU: ReadonlySet<number> = new Set([
  mapTypeNumber.percpu_hash,
  mapTypeNumber.lru_percpu_hash,
  mapTypeNumber.percpu_array,
]);
const WALKED: ReadonlySet<number> = new Set([
  ...PER_CPU,
  mapTypeNumber.hash,
  mapTypeNumber.lru_hash,
  mapTypeNumber.array,
]);

/** Whether iterators go through the elements of maps of this type. */
export function isWalked({ attr }: BpfMap): boolean {
  return WALKED.has(attr.type);
}

/** Bytes that a program may read of a key, and write of a value: of per-CPU maps of those of all CPUs. */
export function elementSizes(map: BpfMap): { readonly key: number; readonly value: number } {
  const { type, keySize, valueSize } = map.attr;
  return { key: keySize, value: PER_CPU.has(type) ? roundUp(valueSize, 8) * map.machine.cpus : valueSize };
}

/** The elements of a map, each with its number, from 1 on. A program that adds and takes while it goes does not go on for ever. */
export function walkElements(map: BpfMap): Walk {
  const { machine, attr } = map;
  const { memory } = machine;
  let [at, last]: [number, Uint8Array | undefined] = [0, undefined];
  const followingKey = (): Uint8Array | undefined => {
    using key = Placed.put(memory, last ?? new Uint8Array(attr.keySize));
    using next = Placed.put(memory, new Uint8Array(attr.keySize));
    if (key === undefined || next === undefined) return undefined;
    return map.nextKey(last === undefined ? 0 : key.address, next.address) < 0 ? undefined : next.read(attr.keySize);
  };
  const valueAt = (key: Uint8Array): number | Uint8Array | undefined => {
    using placed = Placed.put(memory, key);
    if (placed === undefined) return undefined;
    if (!PER_CPU.has(attr.type)) return map.lookup(placed.address) || undefined;
    using out = Placed.put(memory, new Uint8Array(elementSizes(map).value));
    return out === undefined || map.copyOut(placed.address, out.address) < 0
      ? undefined
      : out.read(elementSizes(map).value);
  };
  return {
    end: { map: showMap(map) },
    next(after) {
      // The same once more, where the program asked for it, or had no room.
      if (after >= at) {
        last = after >= attr.maxEntries ? undefined : followingKey();
        at = after + 1;
      }
      const value = last && valueAt(last);
      return last === undefined || value === undefined
        ? undefined
        : { id: at, members: { map: showMap(map), key: last, value } };
    },
  };
}
