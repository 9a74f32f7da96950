import {
  add,
  addOverflows,
  and as and64,
  andNot,
  bitLength,
  Int64,
  isBelow,
  isLess,
  isSame,
  lowBits,
  maxSigned,
  maxUnsigned,
  minSigned,
  minUnsigned,
  multiply,
  ONE,
  ONES,
  or as or64,
  productSigned,
  productUnsigned,
  S64_MAX,
  S64_MIN,
  shiftLeft,
  shiftRight,
  shiftRightSigned,
  subtract,
  subtractOverflows,
  xor as xor64,
  ZERO,
} from './int64.ts';
import { S32_MAX, S32_MIN, Scalar, U32_MAX, UNKNOWN_SCALAR, ZERO_SCALAR } from './scalar.ts';
import {
  TNUM_UNKNOWN,
  type Tnum,
  tnumAdd,
  tnumAnd,
  tnumCast,
  tnumConst,
  tnumLow32,
  tnumMul,
  tnumNeg,
  tnumOr,
  tnumRange,
  tnumSar,
  tnumShl,
  tnumShr,
  tnumSub,
  tnumSwapBytes,
  tnumXor,
} from './tnum.ts';

/** Operations whose result is followed; of all others nothing is known. */
export type ScalarOp = 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor' | 'lsh' | 'rsh' | 'arsh';

/** `a op b`; the high half is 0 with 32 bits. `undefined`: of the result nothing is known. */
export function scalarAlu(op: ScalarOp, a: Scalar, b: Scalar, bits: 32 | 64): Scalar | undefined {
  if (!canFollow(op, b, bits)) return undefined;
  if (a.isConst && b.isConst)
    return Scalar.known(bits === 32 ? constAlu32(op, a.value.low, b.value.low) : constAlu(op, a.value, b.value));
  if (bits === 32 && isAny32(op, a, b)) return UNKNOWN_32;
  const r = a.copy();
  switch (op) {
    case 'add':
      addTo(r, b);
      r.tnum = tnumAdd(r.tnum, b.tnum);
      break;
    case 'sub':
      subtractFrom(r, b);
      r.tnum = tnumSub(r.tnum, b.tnum);
      break;
    case 'mul':
      r.tnum = tnumMul(r.tnum, b.tnum);
      multiplyBy(r, b);
      break;
    case 'and':
    case 'or':
    case 'xor':
      bitwise(op, r, b);
      break;
    default:
      if (bits === 32) shift32(op, r, b.u32min);
      else shift64(op, r, b.umin.low);
  }
  return bits === 32 ? zeroExtended(r) : r.isUnknown ? UNKNOWN_SCALAR : r.sync();
}

/** Whether nothing is known of the low half of the result, as is nearly always so in what mixes bits. */
function isAny32(op: ScalarOp, a: Scalar, b: Scalar): boolean {
  if (op === 'xor') return a.isUnknown32 || b.isUnknown32;
  if (op !== 'add' && op !== 'sub') return false;
  return (a.isUnknown32 && isPlain32(b)) || (b.isUnknown32 && isPlain32(a));
}

/** One number, or any. */
function isPlain32(a: Scalar): boolean {
  return (a.isConst32 && a.s32min === a.s32max && a.u32min === a.u32max) || a.isUnknown32;
}

function constAlu(op: ScalarOp, a: Int64, b: Int64): Int64 {
  switch (op) {
    case 'add':
      return add(a, b);
    case 'sub':
      return subtract(a, b);
    case 'mul':
      return multiply(a, b);
    case 'and':
      return and64(a, b);
    case 'or':
      return or64(a, b);
    case 'xor':
      return xor64(a, b);
    case 'lsh':
      return shiftLeft(a, b.low);
    case 'rsh':
      return shiftRight(a, b.low);
    case 'arsh':
      return shiftRightSigned(a, b.low);
  }
}

function constAlu32(op: ScalarOp, a: number, b: number): Int64 {
  switch (op) {
    case 'add':
      return Int64.fromUint(a + b);
    case 'sub':
      return Int64.fromUint(a - b);
    case 'mul':
      return Int64.fromUint(Math.imul(a, b));
    case 'and':
      return Int64.fromUint(a & b);
    case 'or':
      return Int64.fromUint(a | b);
    case 'xor':
      return Int64.fromUint(a ^ b);
    case 'lsh':
      return Int64.fromUint(a << b);
    case 'rsh':
      return Int64.fromUint(a >>> b);
    case 'arsh':
      return Int64.fromUint(a >> b);
  }
}

/** `-a`. */
export function scalarNeg(a: Scalar, bits: 32 | 64): Scalar {
  const r = ZERO_SCALAR.copy();
  subtractFrom(r, a);
  r.tnum = tnumNeg(a.tnum);
  return bits === 32 ? zeroExtended(r) : r.sync();
}

/** The low `size` bytes, in the other order if `swap`; the others are 0. */
export function scalarSwapped(a: Scalar, size: number, swap: boolean): Scalar {
  // Nothing but the high word changes.
  if (!swap && size === 4) return zeroExtended(a.copy());
  const r = new Scalar();
  r.tnum = swap ? tnumSwapBytes(a.tnum, size) : tnumCast(a.tnum, size);
  return r.sync();
}

/** The low half, the high one being 0. May change `r`. */
export function zeroExtended(r: Scalar): Scalar {
  return r.isUnknown32 ? UNKNOWN_32 : extendWithZeros(r);
}

/** Any number of 32 bits. */
const UNKNOWN_32 = extendWithZeros(UNKNOWN_SCALAR.copy());

function extendWithZeros(r: Scalar): Scalar {
  r.tnum = tnumLow32(r.tnum);
  r.umin = Int64.fromUint(r.u32min);
  r.umax = Int64.fromUint(r.u32max);
  const isPositive = r.s32min >= 0 && r.s32max >= 0;
  r.smin = isPositive ? Int64.fromInt(r.s32min) : ZERO;
  r.smax = Int64.fromUint(isPositive ? r.s32max : U32_MAX);
  return r.sync();
}

/** What a load of 1, 2 or 4 bytes leaves of anything. */
const LOADED: ReadonlyMap<number, Scalar> = new Map([1, 2, 4].map((size) => [size, cut(UNKNOWN_SCALAR, size)]));

/** What a load of `size` bytes leaves of it. */
export function truncated(a: Scalar, size: number): Scalar {
  return (a === UNKNOWN_SCALAR ? LOADED.get(size) : undefined) ?? cut(a, size);
}

function cut(a: Scalar, size: number): Scalar {
  const r = a.copy();
  const mask = lowBits(8 * size);
  r.tnum = tnumCast(r.tnum, size);
  if (isSame(andNot(r.umin, mask), andNot(r.umax, mask))) {
    r.umin = and64(r.umin, mask);
    r.umax = and64(r.umax, mask);
  } else {
    r.umin = ZERO;
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
  const cut = ({ low }: Int64) => Int64.fromInt((low << (32 - width)) >> (32 - width));
  if (a.isConst) return Scalar.known(cut(a.value));
  const r = new Scalar();
  if (isSame(shiftRightSigned(a.smax, width), shiftRightSigned(a.smin, width))) {
    const one = cut(a.smax);
    const other = cut(a.smin);
    if (one.isNegative === other.isNegative) {
      r.smin = r.umin = minSigned(one, other);
      r.smax = r.umax = maxSigned(one, other);
      r.s32min = r.smin.low;
      r.s32max = r.smax.low;
      r.u32min = r.smin.low;
      r.u32max = r.smax.low;
      r.tnum = tnumRange(r.umin, r.umax);
      return r;
    }
  }
  r.s32max = 2 ** (width - 1) - 1;
  r.s32min = -(2 ** (width - 1));
  r.smax = Int64.fromInt(r.s32max);
  r.smin = Int64.fromInt(r.s32min);
  return r;
}

/** The low `size` bytes (1 or 2), sign-extended to 32 bits, the high half being 0. */
export function signExtended32(a: Scalar, size: number): Scalar {
  const width = 8 * size;
  const cut = (x: number) => (x << (32 - width)) >> (32 - width);
  const r = a.copy();
  if (a.isConst) {
    const value = cut(a.value.low);
    r.tnum = tnumConst(Int64.fromInt(value));
    r.s32min = r.s32max = value;
    r.u32min = r.u32max = value;
    return zeroExtended(r);
  }
  if (a.s32max >> width === a.s32min >> width) {
    const one = cut(a.s32max);
    const other = cut(a.s32min);
    if (one >= 0 === other >= 0) {
      r.s32min = r.u32min = Math.min(one, other);
      r.s32max = r.u32max = Math.max(one, other);
      r.tnum = tnumLow32(tnumRange(Int64.fromInt(r.s32min), Int64.fromInt(r.s32max)));
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
  return bitLength(a.umax);
}

/** Shifts are followed where the distance is known. */
function canFollow(op: ScalarOp, b: Scalar, bits: 32 | 64): boolean {
  if (op !== 'lsh' && op !== 'rsh' && op !== 'arsh') return true;
  const known =
    bits === 32
      ? b.isConst32 && b.s32min === b.s32max && b.u32min === b.u32max
      : b.isConst && isSame(b.smin, b.smax) && isSame(b.umin, b.umax);
  return known && isBelow(b.umax, Int64.fromUint(bits));
}

function addTo(r: Scalar, b: Scalar): void {
  setSigned32(r, r.s32min + b.s32min, r.s32max + b.s32max);
  setUnsigned32(r, r.u32min + b.u32min, r.u32max + b.u32max);
  addSigned(r, r, b);
  const umin = add(r.umin, b.umin);
  const umax = add(r.umax, b.umax);
  // Where all of them pass the end, or none, they still are a range.
  setUnsigned(r, umin, umax, isBelow(umin, r.umin) === isBelow(umax, r.umax));
}

function subtractFrom(r: Scalar, b: Scalar): void {
  setSigned32(r, r.s32min - b.s32max, r.s32max - b.s32min);
  setUnsigned32(r, r.u32min - b.u32max, r.u32max - b.u32min);
  subtractSigned(r, r, b);
  const isRange = isBelow(r.umin, b.umax) === isBelow(r.umax, b.umin);
  setUnsigned(r, subtract(r.umin, b.umax), subtract(r.umax, b.umin), isRange);
}

/** The signed range of `a + b`. */
export function addSigned(r: Scalar, a: Scalar, b: Scalar): void {
  const smin = add(a.smin, b.smin);
  const smax = add(a.smax, b.smax);
  setSigned(r, smin, smax, !addOverflows(a.smin, b.smin, smin) && !addOverflows(a.smax, b.smax, smax));
}

/** The signed range of `a - b`. */
export function subtractSigned(r: Scalar, a: Scalar, b: Scalar): void {
  const smin = subtract(a.smin, b.smax);
  const smax = subtract(a.smax, b.smin);
  setSigned(r, smin, smax, !subtractOverflows(a.smin, b.smax, smin) && !subtractOverflows(a.smax, b.smin, smax));
}

function setSigned32(r: Scalar, low: number, high: number): void {
  const fits = low >= S32_MIN && low <= S32_MAX && high >= S32_MIN && high <= S32_MAX;
  r.s32min = fits ? low : S32_MIN;
  r.s32max = fits ? high : S32_MAX;
}

function setUnsigned32(r: Scalar, low: number, high: number): void {
  const isRange = (low < 0 || low > U32_MAX) === (high < 0 || high > U32_MAX);
  r.u32min = isRange ? low : 0;
  r.u32max = isRange ? high : U32_MAX;
}

function setSigned(r: Scalar, low: Int64, high: Int64, isRange: boolean): void {
  r.smin = isRange ? low : S64_MIN;
  r.smax = isRange ? high : S64_MAX;
}

function setUnsigned(r: Scalar, low: Int64, high: Int64, isRange = true): void {
  r.umin = isRange ? low : ZERO;
  r.umax = isRange ? high : ONES;
}

function multiplyBy(r: Scalar, b: Scalar): void {
  const u32max = r.u32max * b.u32max;
  r.u32min = u32max > U32_MAX ? 0 : r.u32min * b.u32min;
  r.u32max = Math.min(u32max, U32_MAX);
  // Products of 32-bit numbers may be inexact above 2^53, where they do not fit anyway. Without -0.
  const products32 = [r.s32min * b.s32min, r.s32min * b.s32max, r.s32max * b.s32min, r.s32max * b.s32max];
  setSigned32(r, Math.min(...products32) + 0, Math.max(...products32) + 0);

  const umin = productUnsigned(r.umin, b.umin);
  const umax = productUnsigned(r.umax, b.umax);
  if (umin === undefined || umax === undefined) setUnsigned(r, ZERO, ONES);
  else setUnsigned(r, umin, umax);
  const products = [
    productSigned(r.smin, b.smin),
    productSigned(r.smin, b.smax),
    productSigned(r.smax, b.smin),
    productSigned(r.smax, b.smax),
  ];
  r.smin = products.reduce(leastOf) ?? S64_MIN;
  r.smax = products.reduce(greatestOf) ?? S64_MAX;
}

/** `undefined`, if one of them is. */
function leastOf(a: Int64 | undefined, b: Int64 | undefined): Int64 | undefined {
  return a && b && minSigned(a, b);
}

function greatestOf(a: Int64 | undefined, b: Int64 | undefined): Int64 | undefined {
  return a && b && maxSigned(a, b);
}

function bitwise(op: 'and' | 'or' | 'xor', r: Scalar, b: Scalar): void {
  const known32 = r.isConst32 && b.isConst32;
  const known = r.isConst && b.isConst;
  const bits = BITWISE[op](r.tnum, b.tnum);
  const { low } = bits.value;
  if (known32) {
    r.u32min = r.u32max = r.s32min = r.s32max = low;
  } else {
    r.u32min = op === 'or' ? Math.max(r.u32min, b.u32min) : low;
    r.u32max = op === 'and' ? Math.min(r.u32max, b.u32max) : low | bits.mask.low;
    const [low32, high32] = [r.u32min | 0, r.u32max | 0];
    r.s32min = low32 <= high32 ? low32 : S32_MIN;
    r.s32max = low32 <= high32 ? high32 : S32_MAX;
  }
  if (known) {
    r.becomeKnown(bits.value);
    return;
  }
  r.tnum = bits;
  r.umin = op === 'or' ? maxUnsigned(r.umin, b.umin) : bits.value;
  r.umax = op === 'and' ? minUnsigned(r.umax, b.umax) : or64(bits.value, bits.mask);
  setSigned(r, r.umin, r.umax, !isLess(r.umax, r.umin));
}

const BITWISE: Readonly<Record<'and' | 'or' | 'xor', (a: Tnum, b: Tnum) => Tnum>> = {
  and: tnumAnd,
  or: tnumOr,
  xor: tnumXor,
};

function shiftLeft32(r: Scalar, by: number): void {
  r.s32min = S32_MIN;
  r.s32max = S32_MAX;
  const fits = by <= 31 && r.u32max <= 2 ** (31 - by);
  r.u32min = fits ? r.u32min << by : 0;
  r.u32max = fits ? r.u32max << by : U32_MAX;
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
  switch (op) {
    case 'lsh':
      // By 32, with `arsh` by 32 to come: how compilers sign-extend.
      r.smin = by === 32 ? new Int64(r.s32min, 0) : S64_MIN;
      r.smax = by === 32 ? new Int64(r.s32max, 0) : S64_MAX;
      if (isBelow(shiftLeft(ONE, 63 - by), r.umax)) setUnsigned(r, ZERO, ONES);
      else setUnsigned(r, shiftLeft(r.umin, by), shiftLeft(r.umax, by));
      shiftLeft32(r, by);
      r.tnum = tnumShl(r.tnum, by);
      break;
    case 'rsh':
      r.smin = S64_MIN;
      r.smax = S64_MAX;
      r.tnum = tnumShr(r.tnum, by);
      r.umin = shiftRight(r.umin, by);
      r.umax = shiftRight(r.umax, by);
      r.unbound32();
      break;
    default:
      r.smin = shiftRightSigned(r.smin, by);
      r.smax = shiftRightSigned(r.smax, by);
      r.tnum = tnumSar(r.tnum, by, 64);
      r.umin = ZERO;
      r.umax = ONES;
      r.unbound32();
  }
}
