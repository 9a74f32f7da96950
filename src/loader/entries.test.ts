import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import type { ObjectSpec } from '../object/spec.ts';
import type { MapType } from '../uapi/bpf.ts';
import { possibleCpus } from './calls.ts';
import { withEntries } from './entries.ts';
import { load, openObject, planLoad } from './index.ts';

const file = join(resolve(import.meta.dirname, '../..'), 'examples/shared/shared.bpf.o');
const { spec } = openObject(readFileSync(file), { file: 'shared.bpf.o' });
const { kernel } = createEmbeddedKernel();

/** The object with its map changed. */
function having(change: Partial<ObjectSpec['maps'][number]>): ObjectSpec {
  return {
    ...spec,
    programs: [],
    maps: spec.maps.filter(({ name }) => name === 'map_sh').map((map) => ({ ...map, ...change })),
  };
}

function entriesOf(change: Partial<ObjectSpec['maps'][number]>, maxEntries?: Record<string, number>): number[] {
  return withEntries(kernel, having(change), { maxEntries }).maps.map((map) => map.maxEntries);
}

describe('withEntries', () => {
  it('leaves the others as they are', () => {
    expect(entriesOf({ maxEntries: 3 })).toEqual([3]);
    expect(entriesOf({ maxEntries: 0 })).toEqual([0]);
  });

  it('gives a perf event array a slot for each CPU', () => {
    expect(entriesOf({ type: 'perf_event_array', maxEntries: 0 })).toEqual([possibleCpus(kernel)]);
    expect(entriesOf({ type: 'perf_event_array', maxEntries: 1 })).toEqual([1]);
  });

  it.each([
    [0, 0],
    [1, 4096],
    [4096, 4096],
    [5000, 8192],
    [12288, 16384],
    [1 << 24, 1 << 24],
  ])('makes a ring buffer of %i bytes one of %i', (asked, given) => {
    expect(entriesOf({ type: 'ringbuf', maxEntries: asked })).toEqual([given]);
  });

  it('asks for the only sizes that there are', () => {
    const sizes = (type: MapType) =>
      withEntries(kernel, having({ type, keySize: 0, valueSize: 24 }), {}).maps.map((m) => [m.keySize, m.valueSize]);
    expect(sizes('perf_event_array')).toEqual([[4, 4]]);
    expect(sizes('ringbuf')).toEqual([[0, 0]]);
    expect(sizes('hash')).toEqual([[0, 24]]);
  });

  it('does what the caller says', () => {
    expect(entriesOf({ maxEntries: 0 }, { map_sh: 9 })).toEqual([9]);
  });
});

describe('a map of maps without an inner map', () => {
  it('is refused with the way out', () => {
    const outer = having({ type: 'array_of_maps', pinning: 'none', valueSize: 4, innerId: 0 });
    expect(() => load(kernel, outer)).toThrow(/map map_sh holds maps.*option reuse/);
  });
});

describe('a map with max_entries 0', () => {
  const empty = having({ maxEntries: 0, pinning: 'none' });

  it('is refused with the way out', () => {
    expect(() => load(kernel, empty)).toThrow(/map map_sh has max_entries 0.*maxEntries/);
  });

  it('loads with the option, and the plan knows', () => {
    const options = { maxEntries: { map_sh: 4 } };
    expect(planLoad(kernel, [empty], options)[0]?.fate.kind).toBe('new');
    using loaded = load(kernel, empty, options);
    expect(loaded.map('map_sh').info.maxEntries).toBe(4);
  });

  it.each([
    [{ nothing: 4 }, /has no map nothing \(option maxEntries\)/],
    [{ map_sh: -1 }, /max_entries -1 for map map_sh/],
    [{ 0: 4 }, /has no map with index 0/],
  ])('%o is refused', (maxEntries, message) => {
    expect(() => load(kernel, empty, { maxEntries })).toThrow(message);
  });
});
