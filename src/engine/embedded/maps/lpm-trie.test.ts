import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BPF_F_NO_PREALLOC, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { Machine } from '../machine.ts';
import { lpmTrie } from './lpm-trie.ts';
import type { BpfMap } from './map.ts';

const machine = new Machine();
const { memory } = machine;
const [KEY, VALUE, NEXT] = [memory.alloc(16), memory.alloc(16), memory.alloc(16)];

function makeTrie(maxEntries: number, keySize = 6): BpfMap {
  const map = lpmTrie.create(machine, {
    type: mapTypeNumber.lpm_trie,
    keySize,
    valueSize: 4,
    maxEntries,
    flags: BPF_F_NO_PREALLOC,
    mapExtra: 0n,
    name: '',
    btf: undefined,
    keyTypeId: 0,
    valueTypeId: 0,
  });
  if (typeof map === 'number') throw new Error(`no map: ${map}`);
  return map;
}

/** 16 bits of which the first `length` count. */
interface Prefix {
  readonly length: number;
  readonly bits: number;
}
const prefix = fc.record({ length: fc.integer({ min: 0, max: 17 }), bits: fc.nat(0xffff) });
const masked = ({ length, bits }: Prefix): number => (length === 0 ? 0 : bits & (0xffff << (16 - length)) & 0xffff);
const name = (p: Prefix): string => `${p.length}/${masked(p)}`;

function put({ length, bits }: Prefix): number {
  memory.dv.setUint32(KEY, length, true);
  memory.dv.setUint16(KEY + 4, bits);
  return KEY;
}
function value(n: number): number {
  memory.dv.setUint32(VALUE, n, true);
  return VALUE;
}

/** All prefixes, in the order in which the map gives them. */
function walk(map: BpfMap): string[] {
  const seen: string[] = [];
  for (let from = 0; map.nextKey(from, NEXT) === 0 && seen.length < 1000; from = KEY) {
    memory.u8.copyWithin(KEY, NEXT, NEXT + 6);
    seen.push(name({ length: memory.dv.getUint32(NEXT, true), bits: memory.dv.getUint16(NEXT + 4) }));
  }
  return seen;
}

/** Longer prefixes before those that they start with; 0 before 1. */
function inOrder(names: Iterable<string>): string[] {
  const path = (text: string): string => {
    const [length = 0, bits = 0] = text.split('/').map(Number);
    // A prefix stands behind everything that goes on from it.
    return `${bits.toString(2).padStart(16, '0').slice(0, length)}2`;
  };
  return [...names].sort((a, b) => (path(a) < path(b) ? -1 : 1));
}

describe('lpm_trie', () => {
  const operation = fc.record({
    kind: fc.constantFrom('update', 'update', 'delete', 'lookup'),
    prefix,
    flags: fc.constantFrom(0, 0, 0, 1, 2, 3),
  });

  it('does what a list of prefixes does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(operation, { maxLength: 80 }), (maxEntries, operations) => {
        const map = makeTrie(maxEntries);
        const model = new Map<string, { prefix: Prefix; value: number }>();
        for (const [i, { kind, prefix: p, flags }] of operations.entries()) {
          const known = model.get(name(p));
          const wrong = p.length > 16;
          if (kind === 'update') {
            const refused =
              flags > 2 || wrong
                ? errno.EINVAL
                : flags === 1 && known
                  ? errno.EEXIST
                  : flags === 2 && !known
                    ? errno.ENOENT
                    : !known && model.size === maxEntries
                      ? errno.ENOSPC
                      : 0;
            expect(map.update(put(p), value(i), flags) + refused).toBe(0);
            if (refused === 0) model.set(name(p), { prefix: p, value: i });
          } else if (kind === 'delete') {
            expect(map.delete(put(p))).toBe(wrong ? -errno.EINVAL : known ? 0 : -errno.ENOENT);
            model.delete(name(p));
          } else {
            const found = map.lookup(put(p));
            const best = [...model.values()]
              .filter(
                ({ prefix: q }) => !wrong && q.length <= p.length && masked({ ...p, length: q.length }) === masked(q),
              )
              .sort((a, b) => b.prefix.length - a.prefix.length)[0];
            expect(found === 0 ? undefined : memory.dv.getUint32(found, true)).toBe(best?.value);
          }
        }
        expect(walk(map)).toEqual(inOrder(model.keys()));
        map.put();
      }),
      { numRuns: 300, seed: 17 },
    );
    expect(machine.maps.size).toBe(0);
  });

  it('survives a program that writes over its nodes', () => {
    fc.assert(
      fc.property(
        fc.array(prefix, { minLength: 1, maxLength: 12 }),
        fc.array(fc.tuple(fc.nat(11), fc.integer({ min: -40, max: 4 }), fc.nat(0xffffffff)), { maxLength: 12 }),
        fc.array(fc.tuple(fc.integer({ min: 32, max: 60 }), fc.option(fc.nat(0xffffffff))), { maxLength: 2 }),
        (prefixes, writes, header) => {
          const map = makeTrie(16);
          for (const p of prefixes) map.update(put(p), value(1), 0);
          const places = prefixes.map((p) => map.lookup(put(p))).filter((at) => at !== 0);
          for (const [which, offset, word] of writes) {
            const at = places[which % Math.max(1, places.length)];
            // What lies before a value is its node.
            if (at !== undefined) memory.dv.setUint32(at + Math.max(offset & ~3, -24), word, true);
          }
          for (const [offset, word] of header)
            memory.dv.setUint32(map.address + (offset & ~3), word ?? (places[0] ?? 24) - 24, true);
          for (const p of prefixes) {
            map.lookup(put(p));
            map.update(put(p), value(2), 0);
            map.delete(put(p));
          }
          expect(walk(map).length).toBeLessThanOrEqual(1000);
          map.put();
        },
      ),
      { numRuns: 300, seed: 23 },
    );
    expect(machine.maps.size).toBe(0);
  });

  it('gives its memory back', () => {
    const sizes = Array.from({ length: 6 }, () => {
      const map = makeTrie(20_000, 260);
      for (let i = 0; i < 5000; i++) expect(map.update(put({ length: 16, bits: i }), value(i), 0)).toBe(0);
      map.put();
      return memory.size;
    });
    expect(sizes.at(-1)).toBe(sizes[0]);
    expect(machine.maps.size).toBe(0);
  });
});
