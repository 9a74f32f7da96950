import { expect, it } from 'vitest';
import { MAP_TYPES, type MapType, mapTypeNumber } from '../../../uapi/bpf.ts';
import { Machine } from '../machine.ts';
import type { MapAttr } from './map.ts';
import { mapTypeOf } from './types.ts';

const machine = new Machine({ cpus: 2 });
const array = {
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
const made = mapTypeOf(mapTypeNumber.array)?.create(machine, { ...array, type: mapTypeNumber.array });
const inner = typeof made === 'object' ? made : undefined;

// As Linux 6.18 on x86-64 with two CPUs says in the fdinfo of such maps.
// biome-ignore format: aligned table
const MEMLOCK: readonly (readonly [MapType, Partial<MapAttr>, number])[] = [
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
  ['queue',           { keySize: 0 },                                352],
  ['stack',           { keySize: 0, valueSize: 5, maxEntries: 7 },   352],
  ['bloom_filter',    { keySize: 0 },                                320],
  ['bloom_filter',    { keySize: 0, maxEntries: 100 },               440],
  ['bloom_filter',    { keySize: 0, maxEntries: 1000, mapExtra: 3n }, 1336],
  ['lpm_trie',        { keySize: 8, flags: 1 },                      0],
  ['array_of_maps',   { valueSize: 4, inner },                       344],
  ['hash_of_maps',    { valueSize: 4, inner },                       1232],
  ['hash_of_maps',    { valueSize: 4, flags: 1, inner },             960],
  ['ringbuf',         { keySize: 0, valueSize: 0, maxEntries: 4096 }, 16728],
  ['ringbuf',         { keySize: 0, valueSize: 0, maxEntries: 65536 }, 78408],
  ['perf_event_array', { valueSize: 4 },                             344],
  ['devmap',          { valueSize: 4 },                              376],
  ['devmap',          { valueSize: 4, maxEntries: 100 },             1144],
  ['devmap_hash',     { valueSize: 4 },                              376],
  ['cpumap',          { valueSize: 4, maxEntries: 2 },               320],
  ['stack_trace',     { valueSize: 128, maxEntries: 3 },             784],
  ['task_storage',    { maxEntries: 0, flags: 1 },                   480],
  ['user_ringbuf',    { keySize: 0, valueSize: 0, maxEntries: 8192 }, 20840],
];

it.each(MEMLOCK)('memlock of %s %o', (name, more, want) => {
  const type = mapTypeNumber[name];
  const map = mapTypeOf(type)?.create(machine, { ...array, type, ...more });
  expect(typeof map === 'object' ? map.memoryUsage() : map).toBe(want);
});

it('each type has the number of its name', () => {
  const wrong = MAP_TYPES.filter((name, number) => (mapTypeOf(number)?.name ?? name) !== name);
  expect(wrong).toEqual([]);
});
