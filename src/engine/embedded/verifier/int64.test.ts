import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as int64 from './int64.ts';
import { Int64 } from './int64.ts';

const RUNS = { numRuns: 2000, seed: 18 };
/** Numbers near the ends of ranges are those that go wrong. */
const near = (x: bigint) => fc.bigInt(-3n, 3n).map((d) => BigInt.asIntN(64, x + d));
const signed = fc.oneof(
  fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
  fc.bigInt(-(1n << 33n), 1n << 33n),
  ...[0n, 1n << 31n, 1n << 32n, 1n << 52n, 1n << 53n, 1n << 63n].map(near),
);
const shift = fc.integer({ min: 0, max: 63 });
const ordered = (a: bigint, b: bigint) => (a < b ? ([a, b] as const) : ([b, a] as const));
const asUnsigned = (x: bigint) => BigInt.asUintN(64, x);

type Binary = (a: Int64, b: Int64) => unknown;

describe('64 bits as two halves', () => {
  it('are what was put in', () => {
    fc.assert(
      fc.property(signed, (x) => {
        const value = Int64.of(x);
        expect([value.signed, value.unsigned, value.number, value.unsignedNumber]).toEqual([
          x,
          asUnsigned(x),
          Number(x),
          Number(asUnsigned(x)),
        ]);
        expect([value.isZero, value.isNegative]).toEqual([x === 0n, x < 0n]);
        expect(int64.bitLength(value)).toBe(x === 0n ? 0 : asUnsigned(x).toString(2).length);
      }),
      RUNS,
    );
  });

  const wrap = (x: bigint) => BigInt.asIntN(64, x);
  const fits = (x: bigint, wrapped: bigint) => (x === wrapped ? x : undefined);
  const BINARY: readonly (readonly [name: string, ours: Binary, theirs: (a: bigint, b: bigint) => unknown])[] = [
    ['add', int64.add, (a, b) => wrap(a + b)],
    ['subtract', int64.subtract, (a, b) => wrap(a - b)],
    ['multiply', int64.multiply, (a, b) => wrap(a * b)],
    ['productSigned', int64.productSigned, (a, b) => fits(a * b, wrap(a * b))],
    [
      'productUnsigned',
      (a, b) => int64.productUnsigned(a, b)?.unsigned,
      (a, b) => fits(asUnsigned(a) * asUnsigned(b), asUnsigned(a * b)),
    ],
    ['addOverflows', (a, b) => int64.addOverflows(a, b, int64.add(a, b)), (a, b) => wrap(a + b) !== a + b],
    [
      'subtractOverflows',
      (a, b) => int64.subtractOverflows(a, b, int64.subtract(a, b)),
      (a, b) => wrap(a - b) !== a - b,
    ],
    ['and', int64.and, (a, b) => a & b],
    ['or', int64.or, (a, b) => a | b],
    ['xor', int64.xor, (a, b) => a ^ b],
    ['andNot', int64.andNot, (a, b) => a & ~b],
    ['not', int64.not, (a) => ~a],
    ['isSame', int64.isSame, (a, b) => a === b],
    ['isLess', int64.isLess, (a, b) => a < b],
    ['isBelow', int64.isBelow, (a, b) => asUnsigned(a) < asUnsigned(b)],
    ['minSigned', int64.minSigned, (a, b) => ordered(a, b)[0]],
    ['maxSigned', int64.maxSigned, (a, b) => ordered(a, b)[1]],
    ['minUnsigned', int64.minUnsigned, (a, b) => wrap(ordered(asUnsigned(a), asUnsigned(b))[0])],
    ['maxUnsigned', int64.maxUnsigned, (a, b) => wrap(ordered(asUnsigned(a), asUnsigned(b))[1])],
  ];

  it.each(BINARY)('%s', (_, ours, theirs) => {
    fc.assert(
      fc.property(signed, signed, (a, b) => {
        const result = ours(Int64.of(a), Int64.of(b));
        expect(result instanceof Int64 ? result.signed : result).toBe(theirs(a, b));
      }),
      RUNS,
    );
  });

  it('are shifted', () => {
    fc.assert(
      fc.property(signed, shift, (x, by) => {
        const value = Int64.of(x);
        expect([
          int64.shiftLeft(value, by).signed,
          int64.shiftRight(value, by).unsigned,
          int64.shiftRightSigned(value, by).signed,
        ]).toEqual([wrap(x << BigInt(by)), asUnsigned(x) >> BigInt(by), x >> BigInt(by)]);
      }),
      RUNS,
    );
  });

  it('have so many low bits', () => {
    for (let count = 0; count <= 64; count++) expect(int64.lowBits(count).unsigned).toBe((1n << BigInt(count)) - 1n);
  });

  it('are made of numbers', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (x) => {
        expect(Int64.fromNumber(x).signed).toBe(BigInt(x));
      }),
      RUNS,
    );
    expect(Int64.fromInt(-1).signed).toBe(-1n);
    expect(Int64.fromUint(-1).signed).toBe(0xffff_ffffn);
  });
});
