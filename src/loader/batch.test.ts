import { afterAll, describe, expect, it } from 'vitest';
import { inProcessKernels } from '../../test/support/in-process.ts';
import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { type MapType, mapTypeNumber } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import { BpfMap } from './map.ts';

const kernels = inProcessKernels().map(([name, create]) => [name, create()] as const);
afterAll(() => {
  for (const [, kernel] of kernels) kernel[Symbol.dispose]();
});

function make(kernel: Kernel, type: MapType, maxEntries: number): BpfMap {
  const attr = { map_type: mapTypeNumber[type], key_size: 4, value_size: 8, max_entries: maxEntries };
  return new BpfMap(kernel, kernel.bpf('BPF_MAP_CREATE', attr));
}

function u32(n: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(n).buffer);
}

/** Pairs as text, sorted, as the order of a hash is its own. */
function pairs(map: BpfMap): string[] {
  return [...map.entriesBytes()].map(([key, value]) => `${key} ${value}`).sort();
}

function oneByOne(map: BpfMap): string[] {
  return [...map.keysBytes()].map((key) => `${key} ${map.getBytes(key)}`).sort();
}

describe.each(kernels)('pairs in batches on %s', (_name, kernel) => {
  it.each<[MapType, number]>([
    ['hash', 20_000],
    ['hash', 1],
    ['lru_hash', 1000],
    ['percpu_hash', 500],
  ])('of a %s for %i', (type, n) => {
    using map = make(kernel, type, n);
    expect(pairs(map)).toEqual([]);
    for (let i = 0; i < n / 2; i++) map.setBytes(u32(i * 7919), new Uint8Array(map.valueBytes).fill(i));
    const found = pairs(map);
    expect(found).toHaveLength(Math.ceil(n / 2));
    expect(found).toEqual(oneByOne(map));
  });

  it.each<[MapType, number]>([
    ['array', 10_000],
    ['percpu_array', 3],
  ])('of an %s of %i', (type, n) => {
    using map = make(kernel, type, n);
    map.setBytes(u32(n - 1), new Uint8Array(map.valueBytes).fill(5));
    expect(pairs(map)).toHaveLength(n);
    expect(pairs(map)).toEqual(oneByOne(map));
  });

  it('of a map that changes under the walk', () => {
    using map = make(kernel, 'hash', 100);
    for (let i = 0; i < 100; i++) map.setBytes(u32(i), new Uint8Array(8));
    let seen = 0;
    for (const [key] of map.entriesBytes()) {
      map.deleteBytes(key);
      seen++;
    }
    expect(seen).toBe(100);
    expect(pairs(map)).toEqual([]);
  });

  it('one by one where there are none', () => {
    const old: Kernel = new Proxy(kernel, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (args[0] === 'BPF_MAP_LOOKUP_BATCH') throw new SysError(errno.EINVAL, 'BPF_MAP_LOOKUP_BATCH');
          return value.apply(target, args);
        };
      },
    });
    using map = make(old, 'hash', 10);
    map.setBytes(u32(3), new Uint8Array(8).fill(1));
    expect(pairs(map)).toEqual(['3,0,0,0 1,1,1,1,1,1,1,1']);
  });
});
