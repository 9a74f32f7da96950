import { expect, it } from 'vitest';
import { MAP_TYPES, type MapType, mapTypeNumber } from '../../../uapi/bpf.ts';
import { Machine } from '../machine.ts';
import { mapTypeOf } from './types.ts';

const machine = new Machine({ cpus: 2 });

// As Linux 6.18 on x86-64 with two CPUs says in the fdinfo of such maps.
// biome-ignore format: aligned table
const MEMLOCK: readonly (readonly [MapType, { flags?: number; keySize?: number; valueSize?: number; maxEntries?: number }, number])[] = [
  ['hash',            {},                                            1360],
  ['hash',            { flags: 1 },                                  960],
  ['hash',            { keySize: 5, valueSize: 3, maxEntries: 100 }, 9488],
  ['array',           {},                                            344],
  ['array',           { valueSize: 5, maxEntries: 7 },               368],
  ['array',           { flags: 1024 },                               8192],
  ['percpu_array',    { valueSize: 12 },                             472],
  ['prog_array',      { valueSize: 4, maxEntries: 9 },               384],
  ['lru_hash',        {},                                            1216],
  ['percpu_hash',     {},                                            1280],
  ['percpu_hash',     { flags: 1 },                                  960],
  ['lru_percpu_hash', { valueSize: 12 },                             1344],
];

it.each(MEMLOCK)('memlock of %s %o', (name, more, want) => {
  const type = mapTypeNumber[name];
  const attr = {
    type,
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    flags: 0,
    mapExtra: 0n,
    name: '',
    btf: undefined,
    keyTypeId: 0,
    valueTypeId: 0,
  };
  const map = mapTypeOf(type)?.create(machine, { ...attr, ...more });
  expect(typeof map === 'object' ? map.memoryUsage() : map).toBe(want);
});

it('each type has the number of its name', () => {
  const wrong = MAP_TYPES.filter((name, number) => (mapTypeOf(number)?.name ?? name) !== name);
  expect(wrong).toEqual([]);
});
