import { array } from './array.ts';
import { hash, percpuHash } from './hash.ts';
import { lruHash, lruPercpuHash } from './lru-hash.ts';
import type { MapType } from './map.ts';
import { percpuArray } from './percpu-array.ts';
import { progArray } from './prog-array.ts';

const MAP_TYPES_HERE: readonly MapType[] = [hash, array, progArray, percpuHash, percpuArray, lruHash, lruPercpuHash];

const byNumber = new Map(MAP_TYPES_HERE.map((row) => [row.type, row]));

/** The row of BPF_MAP_TYPE_* `type`, or `undefined` if the embedded kernel does not have it. */
export function mapTypeOf(type: number): MapType | undefined {
  return byNumber.get(type);
}

/** Their names, for messages. */
export const mapTypeNames: readonly string[] = MAP_TYPES_HERE.map((row) => row.name);
