import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CORPUS, objectBytes } from '../../test/support/objects.ts';
import { parseElf } from '../elf/index.ts';
import { parseBtf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import { dedupTypes } from './dedup.ts';
import { printC } from './print-c.ts';
import { mapTypeIds } from './type-ids.ts';
import type { BtfType } from './types.ts';

const VOID: BtfType = { kind: 'void', name: '' };
const int = (name = 'int', size = 4): BtfType => ({
  kind: 'int',
  name,
  size,
  bits: 8 * size,
  bitOffset: 0,
  encoding: 'signed',
});
const ptr = (typeId: number): BtfType => ({ kind: 'ptr', name: '', typeId });
const constant = (typeId: number): BtfType => ({ kind: 'const', name: '', typeId });
const typedef = (name: string, typeId: number): BtfType => ({ kind: 'typedef', name, typeId });
const fwd = (name: string, of: 'struct' | 'union' = 'struct'): BtfType => ({ kind: 'fwd', name, of });
const array = (typeId: number, length: number): BtfType => ({
  kind: 'array',
  name: '',
  typeId,
  indexTypeId: 1,
  length,
});
const proto = (returns: number, ...params: [name: string, typeId: number][]): BtfType => ({
  kind: 'func_proto',
  name: '',
  returns,
  params: params.map(([name, typeId]) => ({ name, typeId })),
});
const func = (name: string, typeId: number): BtfType => ({ kind: 'func', name, typeId, linkage: 1 });
const tag = (name: string, typeId: number, component = -1): BtfType => ({ kind: 'decl_tag', name, typeId, component });
const typeTag = (name: string, typeId: number): BtfType => ({ kind: 'type_tag', name, typeId });
const enumeration = (name: string, ...names: string[]): BtfType => ({
  kind: 'enum',
  name,
  size: 4,
  signed: false,
  values: names.map((value, i) => ({ name: value, value: BigInt(i) })),
});
const variable = (name: string, typeId: number): BtfType => ({ kind: 'var', name, typeId, linkage: 1 });
const datasec = (...ids: number[]): BtfType => ({
  kind: 'datasec',
  name: '.data',
  size: 8,
  variables: ids.map((typeId) => ({ typeId, offset: 0, size: 4 })),
});
/** Members are 8 bytes apart. */
const struct = (name: string, ...members: [name: string, typeId: number][]): BtfType => ({
  kind: 'struct',
  name,
  size: 8 * members.length,
  members: members.map(([member, typeId], i) => ({ name: member, typeId, bitOffset: 64 * i, bitSize: 0 })),
});

/** What stands for each type of the input, as the new ids of 1, 2, …. */
function idsOf(...types: readonly BtfType[]): number[] {
  return [...dedupTypes([VOID, ...types]).ids].slice(1);
}

describe('dedupTypes', () => {
  // [what, types, the new id of each]
  it.each<[string, readonly BtfType[], readonly number[]]>([
    ['equal ints', [int(), int(), int('long', 8), int('int', 8)], [1, 1, 2, 3]],
    ['equal enums', [enumeration('e', 'A'), enumeration('e', 'A'), enumeration('e', 'B')], [1, 1, 2]],
    ['an enum and its declaration', [enumeration('e'), enumeration('e', 'A'), enumeration('e')], [1, 1, 1]],
    ['anonymous enums without values', [enumeration(''), enumeration(''), enumeration('', 'A')], [1, 1, 2]],
    ['pointers and qualifiers', [int(), ptr(1), constant(2), ptr(1), constant(4)], [1, 2, 3, 2, 3]],
    ['arrays', [int(), array(1, 2), array(1, 2), array(1, 3)], [1, 2, 2, 3]],
    ['typedefs', [int(), typedef('t', 1), typedef('t', 1), typedef('u', 1)], [1, 2, 2, 3]],
    ['functions', [int(), proto(1, ['a', 1]), proto(1, ['a', 1]), func('f', 2), func('f', 3)], [1, 2, 2, 3, 3]],
    ['no prototypes with other names', [int(), proto(1, ['a', 1]), proto(1, ['b', 1]), proto(1)], [1, 2, 3, 4]],
    ['tags', [int(), typeTag('t', 1), typeTag('t', 1), typeTag('u', 1)], [1, 2, 2, 3]],
    [
      'declaration tags',
      [struct('s', ['a', 0]), struct('s', ['a', 0]), tag('x', 1), tag('x', 2), tag('x', 1, 0)],
      [1, 1, 2, 2, 3],
    ],
    ['no variables and sections', [int(), variable('v', 1), variable('v', 1), datasec(2), datasec(2)], [1, 2, 3, 4, 5]],
    [
      'structs that refer to themselves',
      [struct('s', ['next', 2]), ptr(1), struct('s', ['next', 4]), ptr(3)],
      [1, 2, 1, 2],
    ],
    [
      'structs that refer to each other, from either end',
      [
        struct('a', ['b', 2]),
        ptr(3),
        struct('b', ['a', 4]),
        ptr(1),
        struct('b', ['a', 6]),
        ptr(7),
        struct('a', ['b', 8]),
        ptr(5),
      ],
      [1, 2, 3, 4, 3, 4, 1, 2],
    ],
    [
      'no structs that differ deep inside',
      [
        int(),
        int('long', 8),
        struct('in', ['x', 1]),
        struct('out', ['p', 5]),
        ptr(3),
        struct('in', ['x', 2]),
        struct('out', ['p', 8]),
        ptr(6),
      ],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ],
    ['no struct and union', [struct('s', ['x', 0]), { ...struct('s', ['x', 0]), kind: 'union' } as BtfType], [1, 2]],
    [
      'a declaration and the struct, before and after it',
      [fwd('s'), ptr(1), struct('s', ['x', 0]), ptr(3), fwd('s')],
      [2, 1, 2, 1, 2],
    ],
    ['no declaration that could be two', [fwd('s'), struct('s', ['x', 0]), struct('s', ['y', 0])], [1, 2, 3]],
    ['no declaration of a union and a struct', [fwd('s', 'union'), struct('s', ['x', 0])], [1, 2]],
    [
      'structs of which one has seen less',
      [
        struct('out', ['p', 2]),
        ptr(3),
        fwd('in'),
        struct('out', ['p', 5]),
        ptr(6),
        struct('in', ['x', 0]),
        struct('in', ['y', 0]),
      ],
      [1, 2, 3, 1, 2, 3, 4],
    ],
    [
      'anonymous structs within typedefs',
      [int(), struct('', ['x', 1]), typedef('t', 2), struct('', ['x', 1]), typedef('t', 4), struct('', ['y', 1])],
      [1, 2, 3, 2, 3, 4],
    ],
    ['a typedef that leads to itself', [typedef('t', 2), ptr(1), typedef('t', 4), ptr(3)], [1, 2, 1, 2]],
  ])('merges %s', (_, types, want) => {
    expect(idsOf(...types)).toEqual(want);
  });

  it('has in its types what the ids say', () => {
    const { types } = dedupTypes([VOID, int(), ptr(1), int(), ptr(3), struct('s', ['p', 4]), variable('v', 5)]);
    expect(types).toEqual([VOID, int(), ptr(1), struct('s', ['p', 2]), variable('v', 3)]);
  });

  it.each(CORPUS)('makes two copies of the types of %s one', (path) => {
    const section = parseElf(objectBytes(path)).sections.find(({ name }) => name === '.BTF');
    if (section === undefined) return;
    const btf = parseBtf(section.data);
    const once = Array.from({ length: btf.typeCount }, (_, id) => btf.type(id));
    const shift = (id: number) => (id === 0 ? 0 : id + once.length - 1);
    const { types, ids } = dedupTypes([...once, ...once.slice(1).map((type) => mapTypeIds(type, shift))]);
    const isKept = ({ kind }: BtfType) => kind === 'var' || kind === 'datasec';
    // clang itself writes some types twice.
    expect(types.length).toBe(dedupTypes(once).types.length + once.filter(isKept).length);
    for (const [id, type] of once.entries()) if (!isKept(type)) expect(ids[shift(id)]).toBe(ids[id]);
    const builder = new BtfBuilder();
    for (const type of types.slice(1)) builder.add(type);
    expect(printC(parseBtf(builder.bytes()))).toBe(printC(btf));
  });

  it('refuses ids that are not there, and what refers to itself', () => {
    expect(() => dedupTypes([VOID, ptr(2)])).toThrow('section .BTF: type 1 refers to type 2, which is not there');
    expect(() => dedupTypes([VOID, ptr(2), constant(1)])).toThrow('refers to itself in a circle');
  });

  it('follows a chain of any length', () => {
    const chain = Array.from({ length: 100_000 }, (_, i) => ptr(i + 2));
    expect(dedupTypes([VOID, ...chain, int()]).types.length).toBe(100_002);
  });

  it('gives up, and keeps types apart, rather than compare without end', () => {
    // 4,000 structs that look the same and differ behind a pointer: 8 million pairs.
    const many = Array.from({ length: 4_000 }, (_, i) => [struct('s', ['p', 3 * i + 2]), ptr(3 * i + 3), int(`i${i}`)]);
    expect(dedupTypes([VOID, ...many.flat()]).types.length).toBe(12_001);
  }, 120_000);

  it('ends for any types, and a second time changes nothing', () => {
    const size = 12;
    const id = fc.nat(size);
    const name = fc.constantFrom('a', 'b');
    const anyType: fc.Arbitrary<BtfType> = fc.oneof(
      name.map((text) => int(text)),
      id.map(ptr),
      fc.tuple(name, id).map(([text, to]) => typedef(text, to)),
      name.map((text) => fwd(text)),
      fc.array(fc.tuple(name, id), { maxLength: 2 }).map((members) => struct('s', ...members)),
      fc.tuple(id, fc.array(fc.tuple(name, id), { maxLength: 2 })).map(([to, params]) => proto(to, ...params)),
    );
    fc.assert(
      fc.property(fc.array(anyType, { minLength: size, maxLength: size }), (types) => {
        let once: ReturnType<typeof dedupTypes>;
        try {
          once = dedupTypes([VOID, ...types]);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ObjectError' });
          return;
        }
        for (const [i, type] of types.entries()) {
          const made = once.types[once.ids[i + 1] ?? 0];
          expect(made?.name).toBe(type.name);
          if (type.kind !== 'fwd') expect(made?.kind).toBe(type.kind);
        }
        const twice = dedupTypes(once.types);
        expect(twice.types.length).toBeLessThanOrEqual(once.types.length);
      }),
      { seed: 23, numRuns: 2000 },
    );
  });
});
