/** The sign of 32 bits. Numbers that differ in it alone compare as unsigned ones do. */
const SIGN = -0x8000_0000;
const TWO_32 = 2 ** 32;
/** Numbers of JavaScript are whole up to here. */
const EXACT = 2 ** 53;

/** 64 bits, as two int32: a tenth of the cost of a `bigint`. Never changed. */
export class Int64 {
  readonly high: number;
  readonly low: number;

  constructor(high: number, low: number) {
    this.high = high;
    this.low = low;
  }

  static of(value: bigint): Int64 {
    return new Int64(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)));
  }

  /** An int32, sign-extended. */
  static fromInt(value: number): Int64 {
    return new Int64(value >> 31, value);
  }

  /** A whole number below 2^53. */
  static fromNumber(value: number): Int64 {
    return new Int64(Math.floor(value / TWO_32) | 0, value | 0);
  }

  /** 32 bits, whatever their sign; the high half is 0. */
  static fromUint(value: number): Int64 {
    return new Int64(0, value | 0);
  }

  get signed(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low >>> 0);
  }

  get unsigned(): bigint {
    return (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
  }

  /** As a signed number. Rounded above 2^53, as is the next. */
  get number(): number {
    return this.high * TWO_32 + (this.low >>> 0);
  }

  get unsignedNumber(): number {
    return (this.high >>> 0) * TWO_32 + (this.low >>> 0);
  }

  get isZero(): boolean {
    return this.high === 0 && this.low === 0;
  }

  get isNegative(): boolean {
    return this.high < 0;
  }
}

export const ZERO = new Int64(0, 0);
export const ONE = new Int64(0, 1);
/** Of an unsigned number: the greatest. */
export const ONES = new Int64(-1, -1);
export const S64_MIN = new Int64(SIGN, 0);
export const S64_MAX = new Int64(~SIGN, -1);

export function isSame(a: Int64, b: Int64): boolean {
  return a === b || (a.low === b.low && a.high === b.high);
}

/** `a < b`, of unsigned 32-bit numbers given as int32. */
export function isBelow32(a: number, b: number): boolean {
  return (a ^ SIGN) < (b ^ SIGN);
}

/** `a < b`, of unsigned numbers. */
export function isBelow(a: Int64, b: Int64): boolean {
  return a.high === b.high ? (a.low ^ SIGN) < (b.low ^ SIGN) : (a.high ^ SIGN) < (b.high ^ SIGN);
}

/** `a < b`, of signed numbers. */
export function isLess(a: Int64, b: Int64): boolean {
  return a.high === b.high ? (a.low ^ SIGN) < (b.low ^ SIGN) : a.high < b.high;
}

export function minUnsigned(a: Int64, b: Int64): Int64 {
  return isBelow(b, a) ? b : a;
}

export function maxUnsigned(a: Int64, b: Int64): Int64 {
  return isBelow(a, b) ? b : a;
}

export function minSigned(a: Int64, b: Int64): Int64 {
  return isLess(b, a) ? b : a;
}

export function maxSigned(a: Int64, b: Int64): Int64 {
  return isLess(a, b) ? b : a;
}

export function add(a: Int64, b: Int64): Int64 {
  const low = (a.low + b.low) | 0;
  return new Int64((a.high + b.high + (isBelow32(low, a.low) ? 1 : 0)) | 0, low);
}

export function subtract(a: Int64, b: Int64): Int64 {
  return new Int64((a.high - b.high - (isBelow32(a.low, b.low) ? 1 : 0)) | 0, (a.low - b.low) | 0);
}

/** `sum`, which is `a + b`, has another sign than it would have with more bits. */
export function addOverflows(a: Int64, b: Int64, sum: Int64): boolean {
  return ((a.high ^ sum.high) & (b.high ^ sum.high)) < 0;
}

/** The same of `difference`, which is `a - b`. */
export function subtractOverflows(a: Int64, b: Int64, difference: Int64): boolean {
  return ((a.high ^ b.high) & (a.high ^ difference.high)) < 0;
}

export function multiply(a: Int64, b: Int64): Int64 {
  const high = Math.imul(a.high, b.low) + Math.imul(a.low, b.high) + highOfProduct(a.low >>> 0, b.low >>> 0);
  return new Int64(high | 0, Math.imul(a.low, b.low));
}

/** The high half of a product of two unsigned 32-bit numbers. */
function highOfProduct(a: number, b: number): number {
  const low = a & 0xffff;
  const high = a >>> 16;
  const first = low * (b & 0xffff);
  const middle = high * (b & 0xffff) + (first >>> 16);
  const other = low * (b >>> 16) + (middle & 0xffff);
  return high * (b >>> 16) + (middle >>> 16) + (other >>> 16);
}

/** A product of signed numbers; `undefined`: 64 bits are too few. */
export function productSigned(a: Int64, b: Int64): Int64 | undefined {
  const product = a.number * b.number;
  if (product > -EXACT && product < EXACT) return Int64.fromNumber(product);
  const exact = a.signed * b.signed;
  return BigInt.asIntN(64, exact) === exact ? Int64.of(exact) : undefined;
}

/** A product of unsigned numbers; `undefined`: 64 bits are too few. */
export function productUnsigned(a: Int64, b: Int64): Int64 | undefined {
  if (!a.isNegative && !b.isNegative) {
    const product = a.number * b.number;
    if (product < EXACT) return Int64.fromNumber(product);
  }
  const exact = a.unsigned * b.unsigned;
  return BigInt.asUintN(64, exact) === exact ? Int64.of(exact) : undefined;
}

export function not(a: Int64): Int64 {
  return new Int64(~a.high, ~a.low);
}

export function and(a: Int64, b: Int64): Int64 {
  return new Int64(a.high & b.high, a.low & b.low);
}

export function or(a: Int64, b: Int64): Int64 {
  return new Int64(a.high | b.high, a.low | b.low);
}

export function xor(a: Int64, b: Int64): Int64 {
  return new Int64(a.high ^ b.high, a.low ^ b.low);
}

/** `a & ~b`. */
export function andNot(a: Int64, b: Int64): Int64 {
  return new Int64(a.high & ~b.high, a.low & ~b.low);
}

/** By 0 to 63, as all shifts here. */
export function shiftLeft(a: Int64, by: number): Int64 {
  if (by === 0) return a;
  if (by >= 32) return new Int64(a.low << (by - 32), 0);
  return new Int64((a.high << by) | (a.low >>> (32 - by)), a.low << by);
}

/** Zeros come in. */
export function shiftRight(a: Int64, by: number): Int64 {
  if (by === 0) return a;
  if (by >= 32) return new Int64(0, (a.high >>> (by - 32)) | 0);
  return new Int64((a.high >>> by) | 0, (a.low >>> by) | (a.high << (32 - by)));
}

/** The sign comes in. */
export function shiftRightSigned(a: Int64, by: number): Int64 {
  if (by === 0) return a;
  if (by >= 32) return new Int64(a.high >> 31, a.high >> (by - 32));
  return new Int64(a.high >> by, (a.low >>> by) | (a.high << (32 - by)));
}

/** Bits up to the highest that is set. */
export function bitLength({ high, low }: Int64): number {
  return high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
}

const BITS = Array.from({ length: 64 }, (_, i) => shiftLeft(ONE, i));

/** A number in which one bit is set. */
export function bit(number: number): Int64 {
  return BITS[number] ?? ZERO;
}

/** The low `count` bits (0 to 64) are set. */
export function lowBits(count: number): Int64 {
  if (count <= 32) return new Int64(0, lowBits32(count));
  return new Int64(lowBits32(count - 32), -1);
}

function lowBits32(count: number): number {
  return count === 32 ? -1 : (1 << count) - 1;
}
