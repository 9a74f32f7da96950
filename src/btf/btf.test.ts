import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { parseElf } from '../elf/index.ts';
import { parseBtf } from './btf.ts';
import { decodeValue, encodeValue } from './value.ts';

const bytes =
  parseElf(objectBytes('test/objects/types.o')).sections.find((section) => section.name === '.BTF')?.data ??
  new Uint8Array(0);

/** BTF of records that are given as 32-bit words; the strings are `\0a\0`. */
function madeOf(...words: readonly number[]): Uint8Array {
  const blob = new Uint8Array(24 + 4 * words.length + 3);
  const view = new DataView(blob.buffer);
  const header = [0x1eb9f, 24, 0, 4 * words.length, 4 * words.length, 3];
  for (const [i, word] of [...header, ...words].entries()) view.setUint32(4 * i, word >>> 0, true);
  blob.set([0, 0x61, 0], 24 + 4 * words.length);
  return blob;
}
const info = (kind: number, count = 0) => (kind << 24) | count;
const [INT, PTR, ARRAY, STRUCT, ENUM, TYPEDEF] = [1, 2, 3, 4, 6, 8];

describe('parseBtf', () => {
  it('finds types by name and follows them', () => {
    const btf = parseBtf(bytes);
    const shape = btf.find('struct', 'shape') ?? 0;
    expect(btf.type(shape)).toMatchObject({ kind: 'struct', name: 'shape', size: 48 });
    expect(btf.size(shape)).toBe(48);
    expect(btf.find('struct', 'nobody')).toBeUndefined();
    const big = btf.type(btf.find('enum64', 'big') ?? 0);
    expect(big.kind === 'enum64' && big.values).toEqual([
      { name: 'SMALL', value: 1n },
      { name: 'LARGE', value: 0x100000000n },
    ]);
  });

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), '2 bytes are expected here, but only 0 are left'],
    ['another file', new Uint8Array(32), 'this is no BTF: its magic is 0x0'],
    ['version 2', Uint8Array.from(bytes.subarray(0, 24), (b, i) => (i === 2 ? 2 : b)), 'BTF version 2 is not known'],
    ['a header past the end', bytes.subarray(0, 24), 'the header points outside the 24 bytes'],
    ['an unknown kind', madeOf(1, info(30), 0), 'section .BTF, offset 0x18: type kind 30 is not known'],
    ['half a record', madeOf(1, info(INT)), 'section .BTF, offset 0x18: the last record is cut off'],
    [
      'more members than bytes',
      madeOf(1, info(STRUCT, 65535), 8),
      'a struct with 65535 parts does not fit in the type section',
    ],
  ])('refuses %s', (_, blob, message) => {
    expect(() => parseBtf(blob)).toThrow(
      expect.objectContaining({ name: 'ObjectError', message: expect.stringContaining(message) }),
    );
  });

  it('refuses integers and enumerators that no machine has', () => {
    expect(() => parseBtf(madeOf(1, info(INT), 3, 24)).type(1)).toThrow('int a has 24 bits at bit 0 of 3 bytes');
    expect(() => parseBtf(madeOf(1, info(INT), 4, 33)).type(1)).toThrow('int a has 33 bits at bit 0 of 4 bytes');
    expect(() => parseBtf(madeOf(1, info(ENUM), 0x40000000)).type(1)).toThrow('enum a has 1073741824 bytes');
  });

  it('takes an enum that is only declared', () => {
    expect(parseBtf(madeOf(1, info(ENUM), 0)).type(1)).toMatchObject({ kind: 'enum', name: 'a', size: 0, values: [] });
    expect(() => parseBtf(madeOf(1, info(ENUM, 1), 0, 1, 0)).type(1)).toThrow('enum a has 0 bytes');
  });

  it('does not decode structs within themselves without end', () => {
    // struct { struct a; struct a; }, of no size, in which each a is the struct itself.
    const bytes = madeOf(1, info(STRUCT, 2), 0, 0, 1, 0, 0, 1, 0);
    const btf = parseBtf(bytes);
    expect(() => decodeValue(btf, 1, new Uint8Array(0))).toThrow('struct a nests too deep or is too large to decode');
    expect(() => encodeValue(btf, 1, { x: 1 })).toThrow('struct a nests too deep or is too large to encode');
  });

  it('does not follow typedefs in a circle', () => {
    const btf = parseBtf(madeOf(1, info(TYPEDEF), 2, 1, info(TYPEDEF), 1));
    expect(() => btf.size(1)).toThrow('type 1 goes through more than 32 typedefs and qualifiers, or in a circle');
  });

  it('does not follow arrays in a circle, nor multiply them without end', () => {
    expect(() => parseBtf(madeOf(0, info(ARRAY), 0, 1, 1, 2)).size(1)).toThrow('in a circle');
    const nested = madeOf(
      1,
      info(INT),
      4,
      32,
      0,
      info(ARRAY),
      0,
      1,
      1,
      0xffffffff,
      0,
      info(ARRAY),
      0,
      2,
      1,
      0xffffffff,
    );
    expect(() => parseBtf(nested).size(3)).toThrow('more than 32 bits can say');
  });

  it('refuses names and types that are not there', () => {
    expect(() => parseBtf(madeOf(100, info(PTR), 0)).type(1)).toThrow('a name at 0x64 is outside the string section');
    expect(() => parseBtf(madeOf(0, info(PTR), 9)).type(9)).toThrow('there is no type 9; the last is 1');
  });
});
