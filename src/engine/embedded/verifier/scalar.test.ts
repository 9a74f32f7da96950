import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JumpOp } from '../../../isa/index.ts';
import { isTaken, refine } from './branch.ts';
import { Int64 } from './int64.ts';
import { Scalar } from './scalar.ts';
import {
  type ScalarOp,
  scalarAlu,
  scalarNeg,
  scalarSwapped,
  signExtended,
  signExtended32,
  truncated,
} from './scalar-alu.ts';
import { Tnum, tnumConst, tnumContains, tnumNext, tnumRange } from './tnum.ts';

const RUNS = { numRuns: 3000, seed: 18 };
const wide = fc.oneof(
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.bigInt(-300n, 300n).map((x) => BigInt.asUintN(64, x)),
  fc.bigInt(-300n, 300n).map((x) => BigInt.asUintN(64, x + (1n << 31n))),
  fc.bigInt(-300n, 300n).map((x) => BigInt.asUintN(64, x + (1n << 63n))),
  fc.nat(31).map((n) => 1n << BigInt(n)),
);
const bits = fc.constantFrom(32, 64) as fc.Arbitrary<32 | 64>; // of these two

/** A number, and something that is known of it: all of that is true. */
interface Known {
  readonly value: bigint;
  readonly num: Scalar;
}

const known: fc.Arbitrary<Known> = fc
  .record({ value: wide, mask: wide, other: wide, kind: fc.nat(5) })
  .map(({ value, mask, other, kind }) => {
    if (kind === 0) return { value, num: Scalar.known(Int64.of(value)) };
    const num = new Scalar();
    const [a, b] = [BigInt.asIntN(64, value), BigInt.asIntN(64, other)];
    if (kind === 1 || kind === 4) num.tnum = new Tnum(Int64.of(value & ~mask), Int64.of(mask));
    if (kind === 2 || kind === 4)
      [num.smin, num.smax] = a < b ? [Int64.of(a), Int64.of(b)] : [Int64.of(b), Int64.of(a)];
    if (kind === 3)
      [num.umin, num.umax] = value < other ? [Int64.of(value), Int64.of(other)] : [Int64.of(other), Int64.of(value)];
    if (kind === 5) {
      const [low, high] = [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, other))];
      [num.s32min, num.s32max] = low < high ? [low, high] : [high, low];
    }
    return { value, num: num.sync() };
  });

/** What is wrong about `num` if the number is `value`. */
function lies(num: Scalar, value: bigint): string[] {
  const [unsigned, signed] = [BigInt.asUintN(64, value), BigInt.asIntN(64, value)];
  const [u32, s32] = [Number(BigInt.asUintN(32, value)), Number(BigInt.asIntN(32, value))];
  const wrong: string[] = [];
  if (unsigned < num.umin.unsigned || unsigned > num.umax.unsigned) wrong.push('unsigned');
  if (signed < num.smin.signed || signed > num.smax.signed) wrong.push('signed');
  if (u32 < num.u32min || u32 > num.u32max) wrong.push('unsigned, 32 bits');
  if (s32 < num.s32min || s32 > num.s32max) wrong.push('signed, 32 bits');
  if (!tnumContains(num.tnum, tnumConst(Int64.of(value)))) wrong.push('bits');
  return wrong;
}

const OPS: Readonly<Record<ScalarOp, (a: bigint, b: bigint, bits: 32 | 64) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  lsh: (a, b) => a << b,
  rsh: (a, b, width) => BigInt.asUintN(width, a) >> b,
  arsh: (a, b, width) => BigInt.asIntN(width, a) >> b,
};

const unsigned = (test: (a: bigint, b: bigint) => boolean) => (a: bigint, b: bigint, width: 32 | 64) =>
  test(BigInt.asUintN(width, a), BigInt.asUintN(width, b));
const signed = (test: (a: bigint, b: bigint) => boolean) => (a: bigint, b: bigint, width: 32 | 64) =>
  test(BigInt.asIntN(width, a), BigInt.asIntN(width, b));

const CONDITIONS: Readonly<Record<JumpOp, (a: bigint, b: bigint, bits: 32 | 64) => boolean>> = {
  jeq: unsigned((a, b) => a === b),
  jne: unsigned((a, b) => a !== b),
  jset: unsigned((a, b) => (a & b) !== 0n),
  jgt: unsigned((a, b) => a > b),
  jge: unsigned((a, b) => a >= b),
  jlt: unsigned((a, b) => a < b),
  jle: unsigned((a, b) => a <= b),
  jsgt: signed((a, b) => a > b),
  jsge: signed((a, b) => a >= b),
  jslt: signed((a, b) => a < b),
  jsle: signed((a, b) => a <= b),
};

describe('what is known of a number', () => {
  it('is true, and what follows of it as well', () => {
    fc.assert(
      fc.property(known, ({ value, num }) => {
        expect(lies(num, value)).toEqual([]);
        expect([num.isContradictory, num.contains(num.copy()), num.equals(num.copy())]).toEqual([false, true, true]);
      }),
      RUNS,
    );
  });

  it.each(Object.entries(OPS) as [ScalarOp, (typeof OPS)[ScalarOp]][])('%s', (op, exact) => {
    fc.assert(
      fc.property(known, known, bits, fc.nat(63), (a, b, width, by) => {
        const isShift = op === 'lsh' || op === 'rsh' || op === 'arsh';
        const distance = BigInt(by % width);
        const other = isShift ? { value: distance, num: Scalar.known(Int64.of(distance)) } : b;
        const num = scalarAlu(op, a.num, other.num, width);
        expect(num && lies(num, BigInt.asUintN(width, exact(a.value, other.value, width)))).toEqual([]);
      }),
      RUNS,
    );
  });

  it.each(Object.entries(CONDITIONS) as [JumpOp, (typeof CONDITIONS)[JumpOp]][])('%s', (op, exact) => {
    fc.assert(
      fc.property(known, known, bits, (a, b, width) => {
        const holds = exact(a.value, b.value, width);
        expect([holds, undefined]).toContain(isTaken(op, a.num, b.num, width));
        const [x, y] = refine(op, holds, a.num, b.num, width);
        expect([lies(x, a.value), lies(y, b.value)]).toEqual([[], []]);
      }),
      RUNS,
    );
  });

  it('is cut, extended, negated and swapped with the number', () => {
    fc.assert(
      fc.property(known, fc.constantFrom(1, 2, 4), bits, ({ value, num }, size, width) => {
        const signedValue = BigInt.asIntN(8 * size, value);
        expect(lies(truncated(num, size), BigInt.asUintN(8 * size, value))).toEqual([]);
        expect(lies(signExtended(num, size), signedValue)).toEqual([]);
        if (size < 4) expect(lies(signExtended32(num, size), BigInt.asUintN(32, signedValue))).toEqual([]);
        expect(lies(scalarNeg(num, width), BigInt.asUintN(width, -value))).toEqual([]);
        const bytes = Array.from({ length: size }, (_, i) => BigInt.asUintN(8, value >> BigInt(8 * i)));
        const swapped = bytes.reduce((sum, byte) => (sum << 8n) | byte, 0n);
        expect(lies(scalarSwapped(num, size, true), swapped)).toEqual([]);
      }),
      RUNS,
    );
  });
});

describe('bits that may be unknown', () => {
  it('are those in which a range differs', () => {
    fc.assert(
      fc.property(wide, wide, (a, b) => {
        const [min, max] = a < b ? [a, b] : [b, a];
        const mask = (1n << BigInt(min === max ? 0 : (min ^ max).toString(2).length)) - 1n;
        const range = tnumRange(Int64.of(min), Int64.of(max));
        expect([range.value.unsigned, range.mask.unsigned]).toEqual([min & ~mask, mask]);
      }),
      RUNS,
    );
  });

  it('say which number is the next', () => {
    const spread = (bits: number, places: bigint) => {
      let result = 0n;
      for (let place = 0n, bit = 0; place < 64n; place++)
        if (((places >> place) & 1n) !== 0n) result |= BigInt((bits >> bit++) & 1) << place;
      return result;
    };
    const mask = fc
      .uniqueArray(fc.nat(63), { maxLength: 8 })
      .map((places) => places.reduce((m, p) => m | (1n << BigInt(p)), 0n));
    fc.assert(
      fc.property(wide, mask, wide, (base, free, after) => {
        const value = base & ~free;
        const all = Array.from({ length: 256 }, (_, i) => value | spread(i, free)).sort((a, b) => (a < b ? -1 : 1));
        const next = tnumNext(new Tnum(Int64.of(value), Int64.of(free)), Int64.of(after));
        expect(next.unsigned).toBe(all.find((x) => x > after) ?? value | free);
      }),
      RUNS,
    );
  });
});
