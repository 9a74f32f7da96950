/**
 * A "tristate number": what is known of each bit of a 64-bit value. A bit that is set in `mask` is not known, and is then 0 in `value`.
 * Both are unsigned.
 */
export interface Tnum {
  readonly value: bigint;
  readonly mask: bigint;
}

export const U64_MAX = 0xffff_ffff_ffff_ffffn;
const LOW_32 = 0xffff_ffffn;

export const TNUM_UNKNOWN: Tnum = { value: 0n, mask: U64_MAX };

export function tnumConst(value: bigint): Tnum {
  return { value: BigInt.asUintN(64, value), mask: 0n };
}

/** The tightest tnum that has all of `min` to `max`, which are unsigned: their common high bits. */
export function tnumRange(min: bigint, max: bigint): Tnum {
  const differing = bitLength(min ^ max);
  if (differing > 63) return TNUM_UNKNOWN;
  const mask = (1n << BigInt(differing)) - 1n;
  return { value: min & ~mask, mask };
}

export function tnumIsConst(a: Tnum): boolean {
  return a.mask === 0n;
}

export function tnumAdd(a: Tnum, b: Tnum): Tnum {
  const maskSum = BigInt.asUintN(64, a.mask + b.mask);
  const valueSum = BigInt.asUintN(64, a.value + b.value);
  const sigma = BigInt.asUintN(64, maskSum + valueSum);
  const mask = (sigma ^ valueSum) | a.mask | b.mask;
  return { value: valueSum & ~mask, mask };
}

export function tnumSub(a: Tnum, b: Tnum): Tnum {
  const difference = BigInt.asUintN(64, a.value - b.value);
  const alpha = BigInt.asUintN(64, difference + a.mask);
  const beta = BigInt.asUintN(64, difference - b.mask);
  const mask = (alpha ^ beta) | a.mask | b.mask;
  return { value: difference & ~mask, mask };
}

export function tnumAnd(a: Tnum, b: Tnum): Tnum {
  const value = a.value & b.value;
  return { value, mask: (a.value | a.mask) & (b.value | b.mask) & ~value };
}

export function tnumOr(a: Tnum, b: Tnum): Tnum {
  const value = a.value | b.value;
  return { value, mask: (a.mask | b.mask) & ~value };
}

export function tnumXor(a: Tnum, b: Tnum): Tnum {
  const mask = a.mask | b.mask;
  return { value: (a.value ^ b.value) & ~mask, mask };
}

/** Long multiplication: for each bit of `a` that may be set, `b` is added or may be. */
export function tnumMul(a: Tnum, b: Tnum): Tnum {
  let sum: Tnum = { value: 0n, mask: 0n };
  let { value, mask } = a;
  let addend = b;
  while (value !== 0n || mask !== 0n) {
    if (value & 1n) sum = tnumAdd(sum, addend);
    else if (mask & 1n) sum = tnumUnion(sum, tnumAdd(sum, addend));
    value >>= 1n;
    mask >>= 1n;
    addend = tnumShl(addend, 1);
  }
  return sum;
}

/** What is one or the other. */
export function tnumUnion(a: Tnum, b: Tnum): Tnum {
  const mask = (a.value ^ b.value) | a.mask | b.mask;
  return { value: a.value & b.value & ~mask, mask };
}

/** What is both: meaningless if they contradict each other. */
export function tnumIntersect(a: Tnum, b: Tnum): Tnum {
  const mask = a.mask & b.mask;
  return { value: (a.value | b.value) & ~mask, mask };
}

/** Whether some number is both. */
export function tnumOverlap(a: Tnum, b: Tnum): boolean {
  const known = ~a.mask & ~b.mask;
  return (a.value & known) === (b.value & known);
}

export function tnumShl(a: Tnum, bits: number): Tnum {
  const by = BigInt(bits);
  return { value: BigInt.asUintN(64, a.value << by), mask: BigInt.asUintN(64, a.mask << by) };
}

export function tnumShr(a: Tnum, bits: number): Tnum {
  const by = BigInt(bits);
  return { value: a.value >> by, mask: a.mask >> by };
}

/** Arithmetic shift of the low `width` bits; the others become 0 with 32. */
export function tnumSar(a: Tnum, bits: number, width: 32 | 64): Tnum {
  const by = BigInt(bits);
  const shift = (x: bigint) => BigInt.asUintN(width, BigInt.asIntN(width, x) >> by);
  return { value: shift(a.value), mask: shift(a.mask) };
}

export function tnumNeg(a: Tnum): Tnum {
  return tnumSub({ value: 0n, mask: 0n }, a);
}

/** The low 8 * `size` bits; the others are 0. */
export function tnumCast(a: Tnum, size: number): Tnum {
  return { value: BigInt.asUintN(8 * size, a.value), mask: BigInt.asUintN(8 * size, a.mask) };
}

/** The smallest number above `after` that it may be; the largest that it may be, if there is none. */
export function tnumNext({ value, mask }: Tnum, after: bigint): bigint {
  const largest = value | mask;
  if (after >= largest) return largest;
  if (after < value) return value;
  const from = after + 1n;
  const wrong = (from ^ value) & ~mask & U64_MAX;
  if (wrong === 0n) return from;
  const top = BigInt(bitLength(wrong) - 1);
  if (((value >> top) & 1n) === 1n) {
    const above = (from >> (top + 1n)) << (top + 1n);
    return above | (value & ((1n << (top + 1n)) - 1n));
  }
  // A bit that is known to be 0 is set: a free one above it has to be.
  let bit = top + 1n;
  while (bit < 64n && (((mask >> bit) & 1n) === 0n || ((from >> bit) & 1n) === 1n)) bit++;
  if (bit >= 64n) return largest;
  return ((from >> (bit + 1n)) << (bit + 1n)) | (1n << bit) | (value & ((1n << bit) - 1n));
}

/** The low `size` bytes in the other order; the others are 0. */
export function tnumSwapBytes(a: Tnum, size: number): Tnum {
  const swap = (x: bigint): bigint => {
    let result = 0n;
    for (let byte = 0; byte < size; byte++) result = (result << 8n) | ((x >> BigInt(8 * byte)) & 0xffn);
    return result;
  };
  return { value: swap(a.value), mask: swap(a.mask) };
}

export function tnumLow32(a: Tnum): Tnum {
  return { value: a.value & LOW_32, mask: a.mask & LOW_32 };
}

/** `a` with its low 32 bits replaced by those of `low`. */
export function tnumWithLow32(a: Tnum, low: Tnum): Tnum {
  return {
    value: (a.value & ~LOW_32) | (low.value & LOW_32),
    mask: (a.mask & ~LOW_32) | (low.mask & LOW_32),
  };
}

/** Whether every number that `b` may be is one that `a` may be. */
export function tnumContains(a: Tnum, b: Tnum): boolean {
  return (b.mask & ~a.mask) === 0n && a.value === (b.value & ~a.mask);
}

/** Whether it surely is a multiple of `size`, a power of two. */
export function tnumIsAligned(a: Tnum, size: number): boolean {
  return ((a.value | a.mask) & BigInt(size - 1)) === 0n;
}

/** As in the verifier's log: `(0x0; 0xff)`. */
export function formatTnum(a: Tnum): string {
  return `(0x${a.value.toString(16)}; 0x${a.mask.toString(16)})`;
}

function bitLength(x: bigint): number {
  return x === 0n ? 0 : x.toString(2).length;
}
