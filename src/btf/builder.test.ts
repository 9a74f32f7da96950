import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CORPUS, objectBytes } from '../../test/support/objects.ts';
import { parseElf } from '../elf/index.ts';
import { type Btf, parseBtf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import type { BtfType } from './types.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';

function rebuilt(types: Iterable<BtfType>): Btf {
  const builder = new BtfBuilder();
  for (const type of types) builder.add(type);
  return parseBtf(builder.bytes());
}

function typesOf(btf: Btf): BtfType[] {
  return Array.from({ length: btf.typeCount - 1 }, (_, i) => btf.type(i + 1));
}

const u32 = fc.nat(0xffffffff);
const name = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'long_name'),
  fc.string({ unit: fc.constantFrom('x', '_', 'é', '9') }),
);
const ref = <K extends string>(kind: K) => fc.record({ kind: fc.constant(kind), name, typeId: u32 });
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 5 });

function composite(isBitField: boolean): fc.Arbitrary<BtfType> {
  const place = isBitField
    ? { bitOffset: fc.nat(0xffffff), bitSize: fc.nat(255) }
    : { bitOffset: u32, bitSize: fc.constant(0) };
  return fc.record({
    kind: fc.constantFrom('struct' as const, 'union' as const),
    name,
    size: u32,
    members: list(fc.record({ name, typeId: u32, ...place })),
  });
}

function enumeration(kind: 'enum' | 'enum64', signed: boolean): fc.Arbitrary<BtfType> {
  const bits = kind === 'enum' ? 32n : 64n;
  const [min, max] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  return fc.record({
    kind: fc.constant(kind),
    name,
    size: fc.constantFrom(1, 2, 4, 8),
    signed: fc.constant(signed),
    values: list(fc.record({ name, value: fc.bigInt({ min, max }) })),
  });
}

const anyType: fc.Arbitrary<BtfType> = fc.oneof(
  fc.record({
    kind: fc.constant('int' as const),
    name,
    size: fc.constant(16),
    bits: fc.nat(64),
    bitOffset: fc.nat(64),
    encoding: fc.constantFrom('none' as const, 'signed' as const, 'char' as const, 'bool' as const),
  }),
  ref('ptr' as const),
  ref('typedef' as const),
  ref('volatile' as const),
  ref('const' as const),
  ref('restrict' as const),
  ref('type_tag' as const),
  fc.record({
    kind: fc.constant('array' as const),
    name: fc.constant('' as const),
    typeId: u32,
    indexTypeId: u32,
    length: u32,
  }),
  composite(false),
  composite(true),
  enumeration('enum', false),
  enumeration('enum', true),
  enumeration('enum64', false),
  enumeration('enum64', true),
  fc.record({ kind: fc.constant('fwd' as const), name, of: fc.constantFrom('struct' as const, 'union' as const) }),
  fc.record({ kind: fc.constant('func' as const), name, typeId: u32, linkage: fc.nat(2) }),
  fc.record({
    kind: fc.constant('func_proto' as const),
    name: fc.constant('' as const),
    returns: u32,
    params: list(fc.record({ name, typeId: u32 })),
  }),
  fc.record({ kind: fc.constant('var' as const), name, typeId: u32, linkage: fc.nat(2) }),
  fc.record({
    kind: fc.constant('datasec' as const),
    name,
    size: u32,
    variables: list(fc.record({ typeId: u32, offset: u32, size: u32 })),
  }),
  fc.record({ kind: fc.constant('float' as const), name, size: fc.constantFrom(2, 4, 8, 12, 16) }),
  fc.record({
    kind: fc.constant('decl_tag' as const),
    name,
    typeId: u32,
    component: fc.integer({ min: -1, max: 0x7fffffff }),
  }),
);

describe('BtfBuilder', () => {
  it('makes BTF that reads as the types it was given', () => {
    fc.assert(
      fc.property(fc.array(anyType, { maxLength: 20 }), (types) => {
        expect(typesOf(rebuilt(types))).toEqual(types);
      }),
      { seed: 21, numRuns: 500 },
    );
  });

  it.each(CORPUS)('makes the BTF of %s again', (path) => {
    const section = parseElf(objectBytes(path)).sections.find(({ name }) => name === '.BTF');
    if (section === undefined) return;
    const types = typesOf(parseBtf(section.data));
    expect(typesOf(rebuilt(types))).toEqual(types);
  });

  it.skipIf(!existsSync(VMLINUX))('makes the BTF of the running kernel again, where it can be read', () => {
    const original = parseBtf(new Uint8Array(readFileSync(VMLINUX)));
    const made = rebuilt(typesOf(original));
    expect(made.typeCount).toBe(original.typeCount);
    let different = 0;
    for (let id = 1; id < original.typeCount; id++) {
      if (!same(made.type(id), original.type(id))) different++;
    }
    expect(different).toBe(0);
  });

  it('numbers types from 1 and keeps a string once', () => {
    const builder = new BtfBuilder();
    const empty = builder.bytes().length;
    expect([builder.typeCount, builder.add({ kind: 'ptr', name: '', typeId: 0 })]).toEqual([1, 1]);
    expect([builder.string('abc'), builder.string(''), builder.string('abc')]).toEqual([1, 0, 1]);
    expect(builder.bytes().length).toBe(empty + 12 + 4);
  });

  const member = { name: 'm', typeId: 1, bitOffset: 0, bitSize: 0 };
  it.each<[string, BtfType, string]>([
    ['void', { kind: 'void', name: '' }, 'void is type 0 of every BTF'],
    ['an id below 0', { kind: 'ptr', name: '', typeId: -1 }, 'a field of BTF has 32 bits, -1 does not fit'],
    ['half a byte', { kind: 'float', name: 'f', size: 0.5 }, 'a field of BTF has 32 bits, 0.5 does not fit'],
    [
      'too many members',
      { kind: 'struct', name: 's', size: 4, members: Array.from({ length: 65536 }, () => member) },
      'no room for 65536 parts; there can be 65535 in struct s',
    ],
    [
      'a bit-field far out',
      { kind: 'struct', name: 's', size: 4, members: [{ ...member, bitOffset: 1 << 24, bitSize: 1 }] },
      'no room for 1 bits at bit 16777216 for m in struct s',
    ],
    [
      'an enumerator that is too large',
      { kind: 'enum', name: '', size: 4, signed: true, values: [{ name: 'A', value: 1n << 31n }] },
      'no room for 2147483648 for A in enum (anonymous)',
    ],
    [
      'an int of too many bits',
      { kind: 'int', name: 'i', size: 16, bits: 256, bitOffset: 0, encoding: 'none' },
      'no room for 256 bits at bit 0 in int i',
    ],
    ['a NUL in a name', { kind: 'ptr', name: 'a\0b', typeId: 0 }, 'a BTF string is Latin-1 without NUL'],
    ['a name beyond Latin-1', { kind: 'ptr', name: '→', typeId: 0 }, 'a BTF string is Latin-1 without NUL'],
  ])('refuses %s and stays as it was', (_, type, message) => {
    const builder = new BtfBuilder();
    expect(() => builder.add(type)).toThrow(
      expect.objectContaining({ name: 'UsageError', message: expect.stringContaining(message) }),
    );
    expect(builder.typeCount).toBe(1);
    expect(typesOf(parseBtf(builder.bytes()))).toEqual([]);
  });
});

/** toEqual takes minutes for a kernel's types. */
function same(a: BtfType, b: BtfType): boolean {
  const text = (type: BtfType) => JSON.stringify(type, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  return text(a) === text(b);
}
