import {
  add,
  and,
  andNot,
  bitLength,
  Int64,
  isBelow,
  isSame,
  lowBits,
  ONE,
  ONES,
  or,
  shiftLeft,
  shiftRight,
  shiftRightSigned,
  subtract,
  xor,
  ZERO,
} from './int64.ts';

/**
 * A "tristate number": what is known of each bit of a 64-bit value. A bit that is set in `mask` is not known, and is then 0 in `value`. Never changed.
 */
export class Tnum {
  readonly value: Int64;
  readonly mask: Int64;

  constructor(value: Int64, mask: Int64) {
    this.value = value;
    this.mask = mask;
  }

  get isConst(): boolean {
    return this.mask.isZero;
  }
}

export const TNUM_UNKNOWN = new Tnum(ZERO, ONES);

export function tnumConst(value: Int64): Tnum {
  return new Tnum(value, ZERO);
}

/** The tightest tnum that has all of `min` to `max`, which are unsigned: their common high bits. */
export function tnumRange(min: Int64, max: Int64): Tnum {
  const mask = lowBits(bitLength(xor(min, max)));
  return new Tnum(andNot(min, mask), mask);
}

export function tnumAdd(a: Tnum, b: Tnum): Tnum {
  const value = add(a.value, b.value);
  const sigma = add(add(a.mask, b.mask), value);
  const mask = or(or(xor(sigma, value), a.mask), b.mask);
  return new Tnum(andNot(value, mask), mask);
}

export function tnumSub(a: Tnum, b: Tnum): Tnum {
  const difference = subtract(a.value, b.value);
  const alpha = add(difference, a.mask);
  const beta = subtract(difference, b.mask);
  const mask = or(or(xor(alpha, beta), a.mask), b.mask);
  return new Tnum(andNot(difference, mask), mask);
}

export function tnumAnd(a: Tnum, b: Tnum): Tnum {
  const value = and(a.value, b.value);
  return new Tnum(value, andNot(and(or(a.value, a.mask), or(b.value, b.mask)), value));
}

export function tnumOr(a: Tnum, b: Tnum): Tnum {
  const value = or(a.value, b.value);
  return new Tnum(value, andNot(or(a.mask, b.mask), value));
}

export function tnumXor(a: Tnum, b: Tnum): Tnum {
  const mask = or(a.mask, b.mask);
  return new Tnum(andNot(xor(a.value, b.value), mask), mask);
}

/** Long multiplication: for each bit of `a` that may be set, `b` is added or may be. */
export function tnumMul(a: Tnum, b: Tnum): Tnum {
  let sum = new Tnum(ZERO, ZERO);
  let { value, mask } = a;
  let addend = b;
  while (!value.isZero || !mask.isZero) {
    if ((value.low & 1) !== 0) sum = tnumAdd(sum, addend);
    else if ((mask.low & 1) !== 0) sum = tnumUnion(sum, tnumAdd(sum, addend));
    value = shiftRight(value, 1);
    mask = shiftRight(mask, 1);
    addend = tnumShl(addend, 1);
  }
  return sum;
}

/** What is one or the other. */
export function tnumUnion(a: Tnum, b: Tnum): Tnum {
  const mask = or(or(xor(a.value, b.value), a.mask), b.mask);
  return new Tnum(andNot(and(a.value, b.value), mask), mask);
}

/** What is both: meaningless if they contradict each other. */
export function tnumIntersect(a: Tnum, b: Tnum): Tnum {
  const mask = and(a.mask, b.mask);
  return new Tnum(andNot(or(a.value, b.value), mask), mask);
}

/** Whether some number is both. */
export function tnumOverlap(a: Tnum, b: Tnum): boolean {
  return andNot(andNot(xor(a.value, b.value), a.mask), b.mask).isZero;
}

export function tnumShl(a: Tnum, by: number): Tnum {
  return new Tnum(shiftLeft(a.value, by), shiftLeft(a.mask, by));
}

export function tnumShr(a: Tnum, by: number): Tnum {
  return new Tnum(shiftRight(a.value, by), shiftRight(a.mask, by));
}

/** Arithmetic shift of the low `width` bits; the others become 0 with 32. */
export function tnumSar(a: Tnum, by: number, width: 32 | 64): Tnum {
  if (width === 64) return new Tnum(shiftRightSigned(a.value, by), shiftRightSigned(a.mask, by));
  return new Tnum(Int64.fromUint(a.value.low >> by), Int64.fromUint(a.mask.low >> by));
}

export function tnumNeg(a: Tnum): Tnum {
  return tnumSub(new Tnum(ZERO, ZERO), a);
}

/** The low 8 * `size` bits; the others are 0. */
export function tnumCast(a: Tnum, size: number): Tnum {
  const kept = lowBits(8 * size);
  return new Tnum(and(a.value, kept), and(a.mask, kept));
}

/** The smallest number above `after` that it may be; the largest that it may be, if there is none. */
export function tnumNext({ value, mask }: Tnum, after: Int64): Int64 {
  const largest = or(value, mask);
  if (!isBelow(after, largest)) return largest;
  if (isBelow(after, value)) return value;
  const from = add(after, ONE);
  const wrong = andNot(xor(from, value), mask);
  if (wrong.isZero) return from;
  const length = bitLength(wrong);
  if (!and(value, shiftLeft(ONE, length - 1)).isZero) return withLowBits(from, value, length);
  // A bit that is known to be 0 is set: a free one above it has to be.
  const free = andNot(andNot(mask, from), lowBits(length));
  if (free.isZero) return largest;
  const lowest = and(free, subtract(ZERO, free));
  return or(withLowBits(from, value, bitLength(lowest)), lowest);
}

/** `a` with its low `count` bits replaced by those of `low`. */
function withLowBits(a: Int64, low: Int64, count: number): Int64 {
  const replaced = lowBits(count);
  return or(andNot(a, replaced), and(low, replaced));
}

/** The low `size` bytes in the other order; the others are 0. */
export function tnumSwapBytes(a: Tnum, size: number): Tnum {
  const swap = ({ high, low }: Int64) => shiftRight(new Int64(swapped(low), swapped(high)), 64 - 8 * size);
  return new Tnum(swap(a.value), swap(a.mask));
}

function swapped(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);
}

export function tnumLow32(a: Tnum): Tnum {
  return new Tnum(Int64.fromUint(a.value.low), Int64.fromUint(a.mask.low));
}

/** `a` with its low 32 bits replaced by those of `low`. */
export function tnumWithLow32(a: Tnum, low: Tnum): Tnum {
  return new Tnum(new Int64(a.value.high, low.value.low), new Int64(a.mask.high, low.mask.low));
}

/** Whether every number that `b` may be is one that `a` may be. */
export function tnumContains(a: Tnum, b: Tnum): boolean {
  return a === b || (andNot(b.mask, a.mask).isZero && isSame(a.value, andNot(b.value, a.mask)));
}

/** Whether it surely is a multiple of `size`, a power of two. */
export function tnumIsAligned(a: Tnum, size: number): boolean {
  return ((a.value.low | a.mask.low) & (size - 1)) === 0;
}

/** As in the verifier's log: `(0x0; 0xff)`. */
export function formatTnum({ value, mask }: Tnum): string {
  return `(0x${value.unsigned.toString(16)}; 0x${mask.unsigned.toString(16)})`;
}
