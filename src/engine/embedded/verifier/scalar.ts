import {
  TNUM_UNKNOWN,
  type Tnum,
  tnumAdd,
  tnumAnd,
  tnumCast,
  tnumConst,
  tnumContains,
  tnumIntersect,
  tnumLow32,
  tnumMul,
  tnumNeg,
  tnumNext,
  tnumOr,
  tnumRange,
  tnumSar,
  tnumShl,
  tnumShr,
  tnumSub,
  tnumSwapBytes,
  tnumWithLow32,
  tnumXor,
  U64_MAX,
} from './tnum.ts';

export const S64_MIN = -0x8000_0000_0000_0000n;
export const S64_MAX = 0x7fff_ffff_ffff_ffffn;
export const U32_MAX = 0xffff_ffff;
export const S32_MIN = -0x8000_0000;
export const S32_MAX = 0x7fff_ffff;

/** Operations whose result is followed; of all others nothing is known. */
export type ScalarOp = 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor' | 'lsh' | 'rsh' | 'arsh';

/**
 * All that is known of a number: bits, and ranges of the number as a 64-bit and as a 32-bit number, signed and unsigned. One that is in use is
 * not changed any more: states share them.
 */
export class Scalar {
  tnum: Tnum = TNUM_UNKNOWN;
  smin = S64_MIN;
  smax = S64_MAX;
  umin = 0n;
  umax = U64_MAX;
  s32min = S32_MIN;
  s32max = S32_MAX;
  u32min = 0;
  u32max = U32_MAX;

  static known(value: bigint): Scalar {
    const s = new Scalar();
    const unsigned = BigInt.asUintN(64, value);
    const low = Number(BigInt.asUintN(32, value));
    s.tnum = { value: unsigned, mask: 0n };
    s.smin = s.smax = BigInt.asIntN(64, value);
    s.umin = s.umax = unsigned;
    s.s32min = s.s32max = low | 0;
    s.u32min = s.u32max = low;
    return s;
  }

  /** Any of a signed range. */
  static between(min: bigint, max: bigint): Scalar {
    const s = new Scalar();
    s.smin = min;
    s.smax = max;
    return s.sync();
  }

  copy(): Scalar {
    const s = new Scalar();
    s.tnum = this.tnum;
    s.smin = this.smin;
    s.smax = this.smax;
    s.umin = this.umin;
    s.umax = this.umax;
    s.s32min = this.s32min;
    s.s32max = this.s32max;
    s.u32min = this.u32min;
    s.u32max = this.u32max;
    return s;
  }

  /** Whether it is one known number. */
  get isConst(): boolean {
    return this.tnum.mask === 0n;
  }

  /** Whether its low 32 bits are one known number. */
  get isConst32(): boolean {
    return (this.tnum.mask & 0xffff_ffffn) === 0n;
  }

  /** Of a known number. Unsigned. */
  get value(): bigint {
    return this.tnum.value;
  }

  get isZero(): boolean {
    return this.tnum.mask === 0n && this.tnum.value === 0n;
  }

  equals(other: Scalar): boolean {
    return (
      this === other ||
      (this.tnum.value === other.tnum.value &&
        this.tnum.mask === other.tnum.mask &&
        this.smin === other.smin &&
        this.smax === other.smax &&
        this.umin === other.umin &&
        this.umax === other.umax &&
        this.s32min === other.s32min &&
        this.s32max === other.s32max &&
        this.u32min === other.u32min &&
        this.u32max === other.u32max)
    );
  }

  /** Whether every number that `other` may be is one that this may be. */
  contains(other: Scalar): boolean {
    return this === other || (this.#rangeContains(other) && tnumContains(this.tnum, other.tnum));
  }

  #rangeContains(other: Scalar): boolean {
    return (
      this.umin <= other.umin &&
      this.umax >= other.umax &&
      this.smin <= other.smin &&
      this.smax >= other.smax &&
      this.u32min <= other.u32min &&
      this.u32max >= other.u32max &&
      this.s32min <= other.s32min &&
      this.s32max >= other.s32max
    );
  }

  unbound64(): void {
    this.smin = S64_MIN;
    this.smax = S64_MAX;
    this.umin = 0n;
    this.umax = U64_MAX;
  }

  unbound32(): void {
    this.s32min = S32_MIN;
    this.s32max = S32_MAX;
    this.u32min = 0;
    this.u32max = U32_MAX;
  }

  /** Lets what is known in one way improve what is known in the others. Changes this one, which must not be in use yet. */
  sync(): this {
    this.#boundsFromBits();
    for (let round = 0; round < 3; round++) {
      this.#bounds32();
      this.#bounds64();
      this.#boundsMixed();
    }
    this.#bitsFromBounds();
    this.#boundsFromBits();
    return this;
  }

  boundsFromBits32(): void {
    const low = tnumLow32(this.tnum);
    const value = Number(low.value);
    const mask = Number(low.mask);
    this.s32min = Math.max(this.s32min, value | (mask & S32_MIN));
    this.s32max = Math.min(this.s32max, value | (mask & S32_MAX));
    this.u32min = Math.max(this.u32min, value);
    this.u32max = Math.min(this.u32max, (value | mask) >>> 0);
  }

  #boundsFromBits(): void {
    this.boundsFromBits32();
    const { value, mask } = this.tnum;
    this.smin = max(this.smin, BigInt.asIntN(64, value | (mask & 0x8000_0000_0000_0000n)));
    this.smax = min(this.smax, BigInt.asIntN(64, value | (mask & S64_MAX)));
    this.umin = max(this.umin, value);
    this.umax = min(this.umax, value | mask);
    if (mask !== 0n && mask !== U64_MAX) this.#onlyCommon();
  }

  /** The range and the bits may have only one number in common. */
  #onlyCommon(): void {
    const { tnum, umin, umax } = this;
    const next = tnumNext(tnum, umin);
    const minFits = (umin & ~tnum.mask) === tnum.value;
    const largest = tnum.value | tnum.mask;
    let only: bigint | undefined;
    if (minFits) only = next > umax ? umin : undefined;
    else if (next === largest) only = largest;
    else if (next <= umax && tnumNext(tnum, next) > umax) only = next;
    if (only === undefined || umin === umax) return;
    const known = Scalar.known(only);
    this.tnum = known.tnum;
    this.smin = this.smax = known.smin;
    this.umin = this.umax = known.umin;
    this.s32min = this.s32max = known.s32min;
    this.u32min = this.u32max = known.u32min;
  }

  #bounds32(): void {
    this.#narrow32(this.umin, this.umax);
    this.#narrow32(this.smin, this.smax);
    // High halves that follow each other, low halves that pass from negative to positive.
    this.#narrowAcross(this.umin, this.umax);
    this.#narrowAcross(this.smin, this.smax);
    if ((this.u32min | 0) <= (this.u32max | 0)) {
      this.s32min = Math.max(this.s32min, this.u32min | 0);
      this.s32max = Math.min(this.s32max, this.u32max | 0);
    }
    if (this.s32min >>> 0 <= this.s32max >>> 0) {
      this.u32min = Math.max(this.s32min >>> 0, this.u32min);
      this.u32max = Math.min(this.s32max >>> 0, this.u32max);
    } else if (this.u32max < this.s32min >>> 0) {
      this.s32min = this.u32min | 0;
      this.u32max = Math.min(this.u32max, this.s32max >>> 0);
    } else if (this.s32max >>> 0 < this.u32min) {
      this.s32max = this.u32max | 0;
      this.u32min = Math.max(this.u32min, this.s32min >>> 0);
    }
  }

  /** The low halves of a 64-bit range whose high halves are equal. */
  #narrow32(from: bigint, to: bigint): void {
    if (from >> 32n !== to >> 32n) return;
    const low = Number(BigInt.asUintN(32, from));
    const high = Number(BigInt.asUintN(32, to));
    if (low <= high) {
      this.u32min = Math.max(this.u32min, low);
      this.u32max = Math.min(this.u32max, high);
    }
    if ((low | 0) <= (high | 0)) {
      this.s32min = Math.max(this.s32min, low | 0);
      this.s32max = Math.min(this.s32max, high | 0);
    }
  }

  #narrowAcross(from: bigint, to: bigint): void {
    if (BigInt.asUintN(32, (from >> 32n) + 1n) !== BigInt.asUintN(32, to >> 32n)) return;
    const low = Number(BigInt.asIntN(32, from));
    const high = Number(BigInt.asIntN(32, to));
    if (low >= 0 || high < 0) return;
    this.s32min = Math.max(this.s32min, low);
    this.s32max = Math.min(this.s32max, high);
  }

  #bounds64(): void {
    if (BigInt.asIntN(64, this.umin) <= BigInt.asIntN(64, this.umax)) {
      this.smin = max(this.smin, BigInt.asIntN(64, this.umin));
      this.smax = min(this.smax, BigInt.asIntN(64, this.umax));
    }
    const low = BigInt.asUintN(64, this.smin);
    const high = BigInt.asUintN(64, this.smax);
    if (low <= high) {
      this.umin = max(low, this.umin);
      this.umax = min(high, this.umax);
    } else if (this.umax < low) {
      // The signed range is in two pieces as an unsigned one, and nothing of the negative piece is left.
      this.smin = BigInt.asIntN(64, this.umin);
      this.umax = min(this.umax, high);
    } else if (high < this.umin) {
      this.smax = BigInt.asIntN(64, this.umax);
      this.umin = max(this.umin, low);
    }
  }

  #boundsMixed(): void {
    this.#tighten(BigInt(this.u32min), BigInt(this.u32max));
    if (this.s32min >>> 0 <= this.s32max >>> 0) this.#tighten(BigInt(this.s32min >>> 0), BigInt(this.s32max >>> 0));
    // After a load with sign extension the high half is all ones or all zeros.
    if (this.s32min >= 0 && this.smin >= BigInt(S32_MIN) && this.smax <= BigInt(S32_MAX)) {
      this.smin = this.umin = BigInt(this.s32min);
      this.smax = this.umax = BigInt(this.s32max);
      this.tnum = tnumIntersect(this.tnum, tnumRange(BigInt.asUintN(64, this.smin), BigInt.asUintN(64, this.smax)));
    }
  }

  /** A range of the low half, as unsigned numbers, limits the whole. */
  #tighten(low: bigint, high: bigint): void {
    this.umin = max(this.umin, ((this.umin >> 32n) << 32n) | low);
    this.umax = min(this.umax, ((this.umax >> 32n) << 32n) | high);
    this.smin = max(this.smin, ((this.smin >> 32n) << 32n) | low);
    this.smax = min(this.smax, ((this.smax >> 32n) << 32n) | high);
  }

  #bitsFromBounds(): void {
    const whole = tnumIntersect(this.tnum, tnumRange(this.umin, this.umax));
    const low = tnumIntersect(tnumLow32(whole), tnumRange(BigInt(this.u32min), BigInt(this.u32max)));
    this.tnum = tnumWithLow32(whole, low);
  }

  /** Whether no number is all that this says: a path that is never taken was followed. */
  get isContradictory(): boolean {
    if (this.umin > this.umax || this.smin > this.smax || this.u32min > this.u32max || this.s32min > this.s32max)
      return true;
    const { value, mask } = this.tnum;
    if (mask === 0n) {
      const signed = BigInt.asIntN(64, value);
      if (this.umin !== value || this.umax !== value || this.smin !== signed || this.smax !== signed) return true;
    }
    if (this.isConst32) {
      const low = Number(BigInt.asUintN(32, value));
      if (this.u32min !== low || this.u32max !== low || this.s32min !== (low | 0) || this.s32max !== (low | 0))
        return true;
    }
    return false;
  }
}

export const UNKNOWN_SCALAR = new Scalar();
export const ZERO_SCALAR = Scalar.known(0n);

/** `a op b`; the high half is 0 with 32 bits. `undefined`: of the result nothing is known. */
export function scalarAlu(op: ScalarOp, a: Scalar, b: Scalar, bits: 32 | 64): Scalar | undefined {
  if (!canFollow(op, b, bits)) return undefined;
  if (a.isConst && b.isConst) return Scalar.known(constAlu(op, a.value, b.value, bits));
  const r = a.copy();
  switch (op) {
    case 'add':
      add(r, b);
      r.tnum = tnumAdd(r.tnum, b.tnum);
      break;
    case 'sub':
      subtract(r, b);
      r.tnum = tnumSub(r.tnum, b.tnum);
      break;
    case 'mul':
      r.tnum = tnumMul(r.tnum, b.tnum);
      multiply(r, b);
      break;
    case 'and':
    case 'or':
    case 'xor':
      bitwise(op, r, b);
      break;
    default:
      if (bits === 32) shift32(op, r, b.u32min);
      else shift64(op, r, Number(b.umin));
  }
  return bits === 32 ? zeroExtended(r) : r.sync();
}

/** Of known numbers: unsigned, of `bits` bits. */
function constAlu(op: ScalarOp, a: bigint, b: bigint, bits: 32 | 64): bigint {
  switch (op) {
    case 'add':
      return BigInt.asUintN(bits, a + b);
    case 'sub':
      return BigInt.asUintN(bits, a - b);
    case 'mul':
      return BigInt.asUintN(bits, a * b);
    case 'and':
      return BigInt.asUintN(bits, a & b);
    case 'or':
      return BigInt.asUintN(bits, a | b);
    case 'xor':
      return BigInt.asUintN(bits, a ^ b);
    case 'lsh':
      return BigInt.asUintN(bits, a << b);
    case 'rsh':
      return BigInt.asUintN(bits, a) >> b;
    case 'arsh':
      return BigInt.asUintN(bits, BigInt.asIntN(bits, a) >> b);
  }
}

/** `-a`. */
export function scalarNeg(a: Scalar, bits: 32 | 64): Scalar {
  const r = ZERO_SCALAR.copy();
  subtract(r, a);
  r.tnum = tnumNeg(a.tnum);
  return bits === 32 ? zeroExtended(r) : r.sync();
}

/** The low `size` bytes, in the other order if `swap`; the others are 0. */
export function scalarSwapped(a: Scalar, size: number, swap: boolean): Scalar {
  const r = new Scalar();
  r.tnum = swap ? tnumSwapBytes(a.tnum, size) : tnumCast(a.tnum, size);
  return r.sync();
}

/** The low half, the high one being 0. Changes `r`. */
export function zeroExtended(r: Scalar): Scalar {
  r.tnum = tnumLow32(r.tnum);
  r.umin = BigInt(r.u32min);
  r.umax = BigInt(r.u32max);
  if (r.s32min >= 0 && r.s32max >= 0) {
    r.smin = BigInt(r.s32min);
    r.smax = BigInt(r.s32max);
  } else {
    r.smin = 0n;
    r.smax = BigInt(U32_MAX);
  }
  return r.sync();
}

/** What a load of `size` bytes leaves of it. */
export function truncated(a: Scalar, size: number): Scalar {
  const r = a.copy();
  const mask = (1n << BigInt(8 * size)) - 1n;
  r.tnum = tnumCast(r.tnum, size);
  if ((r.umin & ~mask) === (r.umax & ~mask)) {
    r.umin &= mask;
    r.umax &= mask;
  } else {
    r.umin = 0n;
    r.umax = mask;
  }
  r.smin = r.umin;
  r.smax = r.umax;
  if (size < 4) r.unbound32();
  return r.sync();
}

/** The low `size` bytes (1, 2 or 4), sign-extended to 64 bits. */
export function signExtended(a: Scalar, size: number): Scalar {
  const width = 8 * size;
  if (a.isConst) return Scalar.known(BigInt.asIntN(width, a.value));
  const high = BigInt(width);
  if (a.smax >> high === a.smin >> high) {
    const one = BigInt.asIntN(width, a.smax);
    const other = BigInt.asIntN(width, a.smin);
    const low = min(one, other);
    const top = max(one, other);
    if (top >= 0n === low >= 0n) {
      const r = new Scalar();
      r.smin = low;
      r.smax = top;
      r.umin = BigInt.asUintN(64, low);
      r.umax = BigInt.asUintN(64, top);
      r.s32min = Number(BigInt.asIntN(32, low));
      r.s32max = Number(BigInt.asIntN(32, top));
      r.u32min = Number(BigInt.asUintN(32, low));
      r.u32max = Number(BigInt.asUintN(32, top));
      r.tnum = tnumRange(r.umin, r.umax);
      return r;
    }
  }
  const r = new Scalar();
  r.smax = (1n << BigInt(width - 1)) - 1n;
  r.smin = -r.smax - 1n;
  r.s32max = Number(r.smax);
  r.s32min = Number(r.smin);
  return r;
}

/** The low `size` bytes (1 or 2), sign-extended to 32 bits, the high half being 0. */
export function signExtended32(a: Scalar, size: number): Scalar {
  const width = 8 * size;
  const r = a.copy();
  if (a.isConst) {
    const value = BigInt.asIntN(width, a.value);
    r.tnum = tnumConst(value);
    r.s32min = r.s32max = Number(value);
    r.u32min = r.u32max = Number(value) >>> 0;
    return zeroExtended(r);
  }
  const cut = (x: number) => (x << (32 - width)) >> (32 - width);
  if (a.s32max >> width === a.s32min >> width) {
    const one = cut(a.s32max);
    const other = cut(a.s32min);
    const low = Math.min(one, other);
    const top = Math.max(one, other);
    if (top >= 0 === low >= 0) {
      r.s32min = low;
      r.s32max = top;
      r.u32min = low >>> 0;
      r.u32max = top >>> 0;
      r.tnum = tnumLow32(tnumRange(BigInt.asUintN(64, BigInt(low)), BigInt.asUintN(64, BigInt(top))));
      return zeroExtended(r);
    }
  }
  r.s32max = 2 ** (width - 1) - 1;
  r.s32min = -(2 ** (width - 1));
  r.u32min = 0;
  r.u32max = U32_MAX;
  r.tnum = tnumLow32(TNUM_UNKNOWN);
  return zeroExtended(r);
}

/** Bits that the number needs, at most. */
export function widthOf(a: Scalar): number {
  return a.umax === 0n ? 0 : a.umax.toString(2).length;
}

/** Shifts are followed where the distance is known. */
function canFollow(op: ScalarOp, b: Scalar, bits: 32 | 64): boolean {
  if (op !== 'lsh' && op !== 'rsh' && op !== 'arsh') return true;
  const known =
    bits === 32
      ? b.isConst32 && b.s32min === b.s32max && b.u32min === b.u32max
      : b.isConst && b.smin === b.smax && b.umin === b.umax;
  return known && b.umax < BigInt(bits);
}

function add(r: Scalar, b: Scalar): void {
  setSigned32(r, r.s32min + b.s32min, r.s32max + b.s32max);
  setUnsigned32(r, r.u32min + b.u32min, r.u32max + b.u32max);
  setSigned(r, r.smin + b.smin, r.smax + b.smax);
  setUnsigned(r, r.umin + b.umin, r.umax + b.umax);
}

function subtract(r: Scalar, b: Scalar): void {
  setSigned32(r, r.s32min - b.s32max, r.s32max - b.s32min);
  setUnsigned32(r, r.u32min - b.u32max, r.u32max - b.u32min);
  setSigned(r, r.smin - b.smax, r.smax - b.smin);
  setUnsigned(r, r.umin - b.umax, r.umax - b.umin);
}

function setSigned32(r: Scalar, low: number, high: number): void {
  const fits = low >= S32_MIN && low <= S32_MAX && high >= S32_MIN && high <= S32_MAX;
  r.s32min = fits ? low : S32_MIN;
  r.s32max = fits ? high : S32_MAX;
}

/** Where all of them pass the end, or none, they still are a range. */
function setUnsigned32(r: Scalar, low: number, high: number): void {
  const passes = (n: number) => n < 0 || n > U32_MAX;
  const isRange = passes(low) === passes(high);
  r.u32min = isRange ? low >>> 0 : 0;
  r.u32max = isRange ? high >>> 0 : U32_MAX;
}

function setUnsigned(r: Scalar, low: bigint, high: bigint): void {
  const passes = (n: bigint) => n < 0n || n > U64_MAX;
  const isRange = passes(low) === passes(high);
  r.umin = isRange ? BigInt.asUintN(64, low) : 0n;
  r.umax = isRange ? BigInt.asUintN(64, high) : U64_MAX;
}

function setSigned(r: Scalar, low: bigint, high: bigint): void {
  const fits = low >= S64_MIN && low <= S64_MAX && high >= S64_MIN && high <= S64_MAX;
  r.smin = fits ? low : S64_MIN;
  r.smax = fits ? high : S64_MAX;
}

function multiply(r: Scalar, b: Scalar): void {
  const u32max = r.u32max * b.u32max;
  const u32min = r.u32min * b.u32min;
  const products32 = [r.s32min * b.s32min, r.s32min * b.s32max, r.s32max * b.s32min, r.s32max * b.s32max];
  // Products of 32-bit numbers may be inexact above 2^53, where they do not fit anyway.
  const fits32 = products32.every((product) => product >= S32_MIN && product <= S32_MAX);
  r.u32min = u32max > U32_MAX ? 0 : u32min;
  r.u32max = Math.min(u32max, U32_MAX);
  // Without -0.
  r.s32min = fits32 ? Math.min(...products32) + 0 : S32_MIN;
  r.s32max = fits32 ? Math.max(...products32) + 0 : S32_MAX;

  const umax = r.umax * b.umax;
  const umin = r.umin * b.umin;
  const products = [r.smin * b.smin, r.smin * b.smax, r.smax * b.smin, r.smax * b.smax] as const;
  const fits = products.every((product) => product >= S64_MIN && product <= S64_MAX);
  r.umin = umax > U64_MAX ? 0n : umin;
  r.umax = min(umax, U64_MAX);
  r.smin = fits ? products.reduce(min) : S64_MIN;
  r.smax = fits ? products.reduce(max) : S64_MAX;
}

function bitwise(op: 'and' | 'or' | 'xor', r: Scalar, b: Scalar): void {
  const known32 = r.isConst32 && b.isConst32;
  const known = r.isConst && b.isConst;
  const operation = op === 'and' ? tnumAnd : op === 'or' ? tnumOr : tnumXor;
  const bits = operation(r.tnum, b.tnum);
  const low = tnumLow32(bits);
  const low32 = Number(low.value);
  if (known32) {
    r.u32min = r.u32max = low32;
    r.s32min = r.s32max = low32 | 0;
  } else {
    r.u32min = op === 'or' ? Math.max(r.u32min, b.u32min) : low32;
    r.u32max = op === 'and' ? Math.min(r.u32max, b.u32max) : Number(low.value | low.mask);
    const ordered = (r.u32min | 0) <= (r.u32max | 0);
    r.s32min = ordered ? r.u32min | 0 : S32_MIN;
    r.s32max = ordered ? r.u32max | 0 : S32_MAX;
  }
  r.tnum = bits;
  if (known) {
    Object.assign(r, Scalar.known(bits.value));
    return;
  }
  r.umin = op === 'or' ? max(r.umin, b.umin) : bits.value;
  r.umax = op === 'and' ? min(r.umax, b.umax) : bits.value | bits.mask;
  const low64 = BigInt.asIntN(64, r.umin);
  const high64 = BigInt.asIntN(64, r.umax);
  r.smin = low64 <= high64 ? low64 : S64_MIN;
  r.smax = low64 <= high64 ? high64 : S64_MAX;
}

function shiftLeft32(r: Scalar, by: number): void {
  r.s32min = S32_MIN;
  r.s32max = S32_MAX;
  if (by > 31 || r.u32max > 2 ** (31 - by)) {
    r.u32min = 0;
    r.u32max = U32_MAX;
  } else {
    r.u32min = (r.u32min << by) >>> 0;
    r.u32max = (r.u32max << by) >>> 0;
  }
}

function shift32(op: 'lsh' | 'rsh' | 'arsh', r: Scalar, by: number): void {
  const low = tnumLow32(r.tnum);
  switch (op) {
    case 'lsh':
      shiftLeft32(r, by);
      r.tnum = tnumLow32(tnumShl(low, by));
      break;
    case 'rsh':
      r.s32min = S32_MIN;
      r.s32max = S32_MAX;
      r.tnum = tnumShr(low, by);
      r.u32min >>>= by;
      r.u32max >>>= by;
      break;
    default:
      r.s32min >>= by;
      r.s32max >>= by;
      r.tnum = tnumSar(low, by, 32);
      r.u32min = 0;
      r.u32max = U32_MAX;
  }
  r.unbound64();
  r.boundsFromBits32();
}

function shift64(op: 'lsh' | 'rsh' | 'arsh', r: Scalar, by: number): void {
  const wide = BigInt(by);
  switch (op) {
    case 'lsh':
      // By 32, with `arsh` by 32 to come: how compilers sign-extend.
      r.smin = by === 32 ? BigInt(r.s32min) << 32n : S64_MIN;
      r.smax = by === 32 ? BigInt(r.s32max) << 32n : S64_MAX;
      if (r.umax > 1n << BigInt(63 - by)) {
        r.umin = 0n;
        r.umax = U64_MAX;
      } else {
        r.umin <<= wide;
        r.umax <<= wide;
      }
      shiftLeft32(r, by);
      r.tnum = tnumShl(r.tnum, by);
      break;
    case 'rsh':
      r.smin = S64_MIN;
      r.smax = S64_MAX;
      r.tnum = tnumShr(r.tnum, by);
      r.umin >>= wide;
      r.umax >>= wide;
      r.unbound32();
      break;
    default:
      r.smin >>= wide;
      r.smax >>= wide;
      r.tnum = tnumSar(r.tnum, by, 64);
      r.umin = 0n;
      r.umax = U64_MAX;
      r.unbound32();
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
