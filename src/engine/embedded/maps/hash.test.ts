import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BPF_F_NO_PREALLOC, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { Machine } from '../machine.ts';
import { HashMap, hash } from './hash.ts';
import type { MapAttr } from './map.ts';

const machine = new Machine({ seed: 7 });
const { memory } = machine;
/** Bytes of values of which not many are together. */
const LARGE = 2 ** 20;
const [KEY, VALUE, NEXT] = [memory.alloc(64), memory.alloc(LARGE), memory.alloc(64)];

function makeMap(more: Partial<MapAttr> = {}, on = machine): HashMap {
  const map = hash.create(on, {
    type: mapTypeNumber.hash,
    keySize: 4,
    valueSize: 8,
    maxEntries: 8,
    flags: 0,
    mapExtra: 0n,
    name: '',
    btf: undefined,
    keyTypeId: 0,
    valueTypeId: 0,
    ...more,
  });
  if (!(map instanceof HashMap)) throw new Error(`no map: ${map}`);
  return map;
}

/** The low byte of a key or value is `n`, the first ones behind it follow from it. */
function put(at: number, n: number, size: number): number {
  for (let i = 0; i < Math.min(size, 64); i++) memory.u8[at + i] = (n + i * n) & 0xff;
  return at;
}

function allKeys(map: HashMap): number[] {
  const keys: number[] = [];
  let key = 0;
  while (map.nextKey(key, NEXT) === 0 && keys.length < 1000) {
    keys.push(memory.u8[NEXT] ?? -1);
    memory.u8.copyWithin(KEY, NEXT, NEXT + map.attr.keySize);
    key = KEY;
  }
  return keys;
}

describe('hash map', () => {
  const operation = fc.record({
    kind: fc.constantFrom('update', 'delete', 'lookup', 'take', 'spread'),
    key: fc.nat(20),
    value: fc.nat(255),
    flags: fc.nat(3),
  });
  const keySize = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 12, 33);
  const small = fc.record({
    keySize,
    valueSize: fc.constantFrom(1, 4, 8, 11),
    maxEntries: fc.integer({ min: 1, max: 12 }),
    flags: fc.constantFrom(0, BPF_F_NO_PREALLOC),
  });
  const large = fc.record({
    keySize,
    valueSize: fc.constant(LARGE),
    maxEntries: fc.integer({ min: 8, max: 12 }),
    flags: fc.constant(BPF_F_NO_PREALLOC),
  });

  it.each([
    ['elements together', small, 200],
    ['elements apart', large, 30],
  ])('does what a Map of limited size does: %s', (_, shape, numRuns) => {
    fc.assert(
      fc.property(shape, fc.array(operation, { maxLength: 60 }), (attr, operations) => {
        const map = makeMap(attr);
        expect(map.layout.blocks).toBe(attr.valueSize === LARGE);
        const model = new Map<number, number>();
        for (const { kind, key, value, flags } of operations) {
          put(KEY, key, attr.keySize);
          const known = model.get(key);
          switch (kind) {
            case 'update': {
              const refused =
                flags > 2
                  ? errno.EINVAL
                  : flags === 1 && known !== undefined
                    ? errno.EEXIST
                    : flags === 2 && known === undefined
                      ? errno.ENOENT
                      : known === undefined && model.size === attr.maxEntries
                        ? errno.E2BIG
                        : 0;
              expect(map.update(KEY, put(VALUE, value, attr.valueSize), flags)).toBe(refused === 0 ? 0 : -refused);
              if (refused === 0) model.set(key, value);
              break;
            }
            case 'delete':
              expect(map.delete(KEY)).toBe(known === undefined ? -errno.ENOENT : 0);
              model.delete(key);
              break;
            case 'lookup': {
              const found = map.lookup(KEY);
              expect(found === 0 ? undefined : memory.u8[found]).toBe(known);
              break;
            }
            case 'take':
              expect(map.takeOut(KEY, VALUE)).toBe(known === undefined ? -errno.ENOENT : 0);
              if (known !== undefined) expect(memory.u8[VALUE]).toBe(known);
              model.delete(key);
              break;
            case 'spread':
              expect(map.spread()).toBe(true);
              break;
          }
        }
        expect(allKeys(map).sort()).toEqual([...model.keys()].sort());
        map.put();
      }),
      { numRuns, seed: 3 },
    );
  });

  const APART = { flags: BPF_F_NO_PREALLOC, valueSize: LARGE, maxEntries: 8 };

  it.each<[string, Partial<MapAttr>, number]>([
    ['together', { maxEntries: 100 }, 1000],
    ['apart', APART, 20],
  ])('gives its memory back, elements %s', (_, attr, cycles) => {
    const cycle = (): void => {
      const map = makeMap(attr);
      for (let key = 0; key < map.attr.maxEntries; key++) map.update(put(KEY, key, 4), put(VALUE, key, 8), 0);
      map.spread();
      map.put();
    };
    for (let i = 0; i < 10; i++) cycle();
    const { size } = memory;
    for (let i = 0; i < cycles; i++) cycle();
    expect(memory.size).toBe(size);
    expect(machine.maps.size).toBe(0);
  });

  it('keeps an old value where it was when the key gets a new one', () => {
    const map = makeMap();
    map.update(put(KEY, 1, 4), put(VALUE, 10, 8), 0);
    const old = map.lookup(KEY);
    map.update(KEY, put(VALUE, 20, 8), 0);
    expect([memory.u8[old], memory.u8[map.lookup(KEY)]]).toEqual([10, 20]);
    map.put();
  });

  /** Writes over all links. */
  const relink = (map: HashMap, to: (place: number) => number): void => {
    for (let place = 0; place <= map.layout.places; place++) memory.dv.setInt32(map.links + 4 * place, to(place), true);
  };
  const TOGETHER = {};
  it.each<[string, Partial<MapAttr>, (map: HashMap) => void]>([
    ['links to themselves', TOGETHER, (map) => relink(map, (place) => place)],
    ['links to themselves, elements apart', APART, (map) => relink(map, (place) => place)],
    ['links that lead nowhere', TOGETHER, (map) => relink(map, () => 0x7fffffff)],
    ['links that lead nowhere, elements apart', APART, (map) => relink(map, () => 0x7fffffff)],
    ['links that are negative', TOGETHER, (map) => relink(map, () => -5)],
    ['links that are negative, elements apart', APART, (map) => relink(map, () => -5)],
    ['everything', TOGETHER, (map) => memory.u8.fill(0xa5, map.address + 64, map.address + map.layout.size)],
    [
      'everything, elements apart',
      APART,
      (map) => memory.u8.fill(0xa5, map.address + 64, map.address + map.layout.size),
    ],
  ])('survives a program that writes over it: %s', (_, attr, spoil) => {
    for (const spread of [false, true]) {
      const map = makeMap(attr);
      for (let key = 0; key < 8; key++) map.update(put(KEY, key, 4), put(VALUE, key, 8), 0);
      spoil(map);
      if (spread) map.spread();
      for (let key = 0; key < 8; key++) {
        map.lookup(put(KEY, key, 4));
        map.update(KEY, VALUE, 0);
        map.delete(KEY);
        map.update(KEY, VALUE, 0);
      }
      expect(allKeys(map).length).toBeLessThanOrEqual(1000);
      for (let bucket = 0; bucket < map.bucketCount; bucket++) expect(map.elementsOf(bucket).length).toBeLessThan(9);
      map.put();
    }
  });

  it('is the same with the same seed', () => {
    const order = (seed: number): number[] => {
      const other = new Machine({ seed });
      const map = makeMap({ maxEntries: 64 }, other);
      const keys: number[] = [];
      const [key, value] = [other.memory.alloc(8), other.memory.alloc(8)];
      for (let n = 0; n < 40; n++) {
        other.memory.dv.setUint32(key, n, true);
        map.update(key, value, 0);
      }
      for (let at = 0; map.nextKey(at, key) === 0; at = key) keys.push(other.memory.dv.getUint32(key, true));
      return keys;
    };
    expect(order(1)).toEqual(order(1));
    expect(order(1)).not.toEqual(order(2));
  });
});
