import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { parseElf } from '../elf/index.ts';
import { parseObject } from '../object/parse.ts';
import { parseBtf } from './btf.ts';
import { type BtfValue, decodeValue, encodeValue } from './value.ts';

const spec = parseObject(objectBytes('test/objects/types.o'), { file: 'types.o' });
const btf = spec.btf;
if (btf === undefined) throw new Error('types.o has no BTF');
const data = spec.maps.find((map) => map.name === '.data');

/** The type of a global variable of types.c. */
function typeOf(name: string): number {
  const type = btf?.type(btf.find('var', name) ?? 0);
  if (type?.kind !== 'var') throw new Error(`types.o has no variable ${name}`);
  return type.typeId;
}

const initial: Record<string, BtfValue> = {
  u8v: 200,
  s8v: -5,
  u16v: 65535,
  s64v: -1n,
  u64v: 0xffffffffffffffffn,
  flag: true,
  color: 'GREEN',
  big: 'LARGE',
  text: 'hello',
  raw: [1, 2, 3, 4],
  numbers: [7, 8, 9],
  shape: {
    color: 'BLUE',
    at: [
      { x: 1, y: -2 },
      { x: 3, y: 4 },
    ],
    number: 0x01020304,
    bytes: [4, 3, 2, 1],
    low: 5,
    high: -9,
    name: 'cube',
    next: 0n,
  },
};

describe('decodeValue', () => {
  it('reads the initial values of a data section', () => {
    expect(decodeValue(btf, data?.valueTypeId ?? 0, data?.initial ?? new Uint8Array(0))).toEqual(initial);
  });

  it('reads the same in the other byte order', () => {
    const elf = parseElf(objectBytes('test/objects/types_be.o'));
    const section = (name: string) => elf.sections.find((candidate) => candidate.name === name);
    const big = parseBtf(section('.BTF')?.data ?? new Uint8Array(0));
    const bytes = section('.data')?.data ?? new Uint8Array(0);
    for (const [name, value] of Object.entries(initial)) {
      const variable = big.type(big.find('var', name) ?? 0);
      const symbol = elf.symbols.find((candidate) => candidate.name === name);
      if (variable.kind !== 'var' || symbol === undefined) throw new Error(`types_be.o has no variable ${name}`);
      const own = bytes.subarray(symbol.value, symbol.value + symbol.size);
      const expected = name === 'shape' ? { ...Object(value), bytes: [1, 2, 3, 4] } : value;
      expect(decodeValue(big, variable.typeId, own)).toEqual(expected);
      if (name !== 'shape') expect(encodeValue(big, variable.typeId, value)).toEqual(own);
    }
    const shape = big.find('struct', 'shape') ?? 0;
    expect(decodeValue(big, shape, encodeValue(big, shape, { low: 5, high: -9 }))).toMatchObject({ low: 5, high: -9 });
  });

  it('says when there are too few bytes', () => {
    expect(() => decodeValue(btf, typeOf('shape'), new Uint8Array(10))).toThrow(
      'struct shape takes 48 bytes, but there are 10',
    );
  });

  it('gives an enumerator without a name as a number', () => {
    expect(decodeValue(btf, typeOf('color'), Uint8Array.of(9, 0, 0, 0))).toBe(9);
  });
});

describe('encodeValue', () => {
  it.each(Object.keys(initial).filter((name) => name !== 'shape'))('writes %s as it was read', (name) => {
    const value = initial[name] ?? 0;
    expect(decodeValue(btf, typeOf(name), encodeValue(btf, typeOf(name), value))).toEqual(value);
  });

  it('writes the members that are given and leaves the others', () => {
    const type = typeOf('shape');
    const before = encodeValue(btf, type, { name: 'old', high: 7, at: [{ x: 1, y: 2 }] });
    const after = encodeValue(btf, type, { high: -16, at: [{ y: 5 }], next: 0x1234n }, before);
    expect(decodeValue(btf, type, after)).toMatchObject({
      name: 'old',
      high: -16,
      low: 0,
      at: [
        { x: 1, y: 5 },
        { x: 0, y: 0 },
      ],
      next: 0x1234n,
    });
  });

  it.each<[string, BtfValue, string]>([
    ['u8v', 300, '300 does not fit in unsigned char (0 to 255)'],
    ['s8v', -129, '-129 does not fit in signed char (-128 to 127)'],
    ['u64v', -1, '-1 does not fit in unsigned long long'],
    ['u64v', 2 ** 60, 'beyond 2^53 give a bigint'],
    ['u16v', 1.5, 'an integer is expected for unsigned short'],
    ['flag', 2, 'true or false is expected'],
    ['color', 'PINK', 'enum color has no PINK; it has RED, GREEN, BLUE'],
    ['text', 'a longer text than fits', 'a text of 23 bytes and its NUL do not fit in 12'],
    ['numbers', [1, 2, 3, 4], 'an array of at most 3 elements is expected'],
    ['shape', { at: [{ z: 1 }] }, '.at[0].z: struct point has no such member'],
    ['shape', { high: 16 }, '.high: 16 does not fit in int (-16 to 15)'],
    ['shape', 5, 'an object is expected for struct shape'],
    ['u16v', Uint8Array.of(1, 2, 3), '3 bytes given, 2 expected'],
    ['shape', JSON.parse('null'), 'an object is expected for struct shape'],
  ])('refuses %s = %j', (name, value, message) => {
    expect(() => encodeValue(btf, typeOf(name), value)).toThrow(
      expect.objectContaining({ name: 'UsageError', message: expect.stringContaining(message) }),
    );
  });

  it('writes the variables of a section', () => {
    const section = data?.valueTypeId ?? 0;
    const bytes = encodeValue(btf, section, { u8v: 7, shape: { name: 'ball' } }, data?.initial);
    expect(decodeValue(btf, section, bytes)).toEqual({
      ...initial,
      u8v: 7,
      shape: { ...Object(initial.shape), name: 'ball' },
    });
    expect(() => encodeValue(btf, section, { u8w: 7 })).toThrow('.u8w: section .data has no such variable');
  });

  it('refuses memory that is too small', () => {
    expect(() => encodeValue(btf, typeOf('shape'), { low: 1 }, new Uint8Array(8))).toThrow(
      'the value takes 48 bytes, but there are only 8 to put it into',
    );
  });

  it('is undone by decodeValue, whatever the integer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (n) => {
        expect(decodeValue(btf, typeOf('s64v'), encodeValue(btf, typeOf('s64v'), n))).toBe(n);
      }),
      { seed: 3, numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.integer({ min: -16, max: 15 }), fc.integer({ min: 0, max: 7 }), (high, low) => {
        const bytes = encodeValue(btf, typeOf('shape'), { high, low });
        expect(decodeValue(btf, typeOf('shape'), bytes)).toMatchObject({ high, low });
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});
