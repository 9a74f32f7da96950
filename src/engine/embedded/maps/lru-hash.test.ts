import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { Machine } from '../machine.ts';
import { percpuHash } from './hash.ts';
import { lruHash } from './lru-hash.ts';
import type { BpfMap, MapType } from './map.ts';

const machine = new Machine({ cpus: 3 });
const { memory } = machine;
const [KEY, VALUE, OUT] = [memory.alloc(8), memory.alloc(64), memory.alloc(64)];

function make(row: MapType, type: number, maxEntries: number): BpfMap {
  const attr = {
    keySize: 4,
    valueSize: 8,
    flags: 0,
    mapExtra: 0n,
    name: '',
    btf: undefined,
    keyTypeId: 0,
    valueTypeId: 0,
  };
  const map = row.create(machine, { ...attr, type, maxEntries });
  if (typeof map === 'number') throw new Error(`no map: ${map}`);
  return map;
}

function key(n: number): number {
  memory.dv.setUint32(KEY, n, true);
  return KEY;
}
function value(n: number): number {
  memory.dv.setUint32(VALUE, n, true);
  return VALUE;
}

describe('lru_hash', () => {
  const makeLru = (maxEntries: number): BpfMap => make(lruHash, mapTypeNumber.lru_hash, maxEntries);

  it('spares what programs look up', () => {
    const map = makeLru(8);
    for (let n = 0; n < 200; n++) {
      map.update(key(n), value(n), 0);
      expect(map.lookup(key(0))).not.toBe(0);
    }
    map.put();
  });

  it('does not spare what only system calls look up', () => {
    const map = makeLru(8);
    for (let n = 0; n < 8; n++) map.update(key(n), value(n), 0);
    for (let n = 8; n < 16; n++) {
      map.copyOut(key(0), OUT);
      map.update(key(n), value(n), 0);
    }
    expect(map.copyOut(key(0), OUT)).toBe(-errno.ENOENT);
    map.put();
  });

  it('holds what was put in last, whatever went before, and never too much', () => {
    const operation = fc.tuple(fc.constantFrom('update', 'delete', 'lookup'), fc.nat(30));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(operation, { maxLength: 80 }), (maxEntries, operations) => {
        const map = makeLru(maxEntries);
        for (const [kind, n] of operations) {
          if (kind === 'update') {
            expect(map.update(key(n), value(n + 1), 0)).toBe(0);
            expect(memory.dv.getUint32(map.lookup(key(n)), true)).toBe(n + 1);
          } else if (kind === 'delete') map.delete(key(n));
          else map.lookup(key(n));
        }
        let count = 0;
        for (let from = 0; map.nextKey(from, OUT) === 0; from = key(memory.dv.getUint32(OUT, true))) count++;
        expect(count).toBeLessThanOrEqual(maxEntries);
        map.put();
      }),
      { numRuns: 200, seed: 11 },
    );
  });
});

describe('percpu_hash', () => {
  it('gives a program the value of its CPU, and a new element zeroes on the others', () => {
    const map = make(percpuHash, mapTypeNumber.percpu_hash, 2);
    machine.cpu = 1;
    map.update(key(5), value(10), 0);
    machine.cpu = 2;
    expect(memory.dv.getUint32(map.lookup(key(5)), true)).toBe(0);
    map.update(key(5), value(20), 0);
    machine.cpu = 0;
    map.copyOut(key(5), OUT);
    expect([0, 8, 16].map((at) => memory.dv.getUint32(OUT + at, true))).toEqual([0, 10, 20]);
    // A place that is used again shows nothing of what was there.
    map.delete(key(5));
    map.update(key(6), value(1), 0);
    map.copyOut(key(6), OUT);
    expect([0, 8, 16].map((at) => memory.dv.getUint32(OUT + at, true))).toEqual([1, 0, 0]);
    map.put();
  });
});
