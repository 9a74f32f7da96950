import type { JumpOp } from '../../../isa/index.ts';
import {
  add,
  and,
  Int64,
  isBelow,
  isLess,
  isSame,
  maxSigned,
  maxUnsigned,
  minSigned,
  minUnsigned,
  not,
  ONE,
  subtract,
  ZERO,
} from './int64.ts';
import type { Scalar } from './scalar.ts';
import { type Tnum, tnumAnd, tnumConst, tnumIntersect, tnumLow32, tnumOr, tnumOverlap, tnumWithLow32 } from './tnum.ts';

/** The condition with its sides exchanged. */
export const FLIPPED: Readonly<Record<JumpOp, JumpOp>> = {
  jeq: 'jeq',
  jne: 'jne',
  jset: 'jset',
  jge: 'jle',
  jgt: 'jlt',
  jle: 'jge',
  jlt: 'jgt',
  jsge: 'jsle',
  jsgt: 'jslt',
  jsle: 'jsge',
  jslt: 'jsgt',
};

type Condition = JumpOp | 'jnset';

const OPPOSITE: Readonly<Record<JumpOp, Condition>> = {
  jeq: 'jne',
  jne: 'jeq',
  jset: 'jnset',
  jge: 'jlt',
  jgt: 'jle',
  jle: 'jgt',
  jlt: 'jge',
  jsge: 'jslt',
  jsgt: 'jsle',
  jsle: 'jsgt',
  jslt: 'jsge',
};

/** Whether `a op b` always holds (true) or never (false); `undefined`: it depends. */
export function isTaken(op: JumpOp, a: Scalar, b: Scalar, bits: 32 | 64): boolean | undefined {
  switch (op) {
    case 'jeq':
      return isEqual(a, b, bits);
    case 'jne': {
      const equal = isEqual(a, b, bits);
      return equal === undefined ? undefined : !equal;
    }
    case 'jset':
      return hasBits(a, b, bits);
    case 'jgt':
    case 'jlt': {
      const [x, y] = op === 'jgt' ? [a, b] : [b, a];
      if (bits === 32) return either(x.u32min > y.u32max, x.u32max <= y.u32min);
      return either(isBelow(y.umax, x.umin), !isBelow(y.umin, x.umax));
    }
    case 'jge':
    case 'jle': {
      const [x, y] = op === 'jge' ? [a, b] : [b, a];
      if (bits === 32) return either(x.u32min >= y.u32max, x.u32max < y.u32min);
      return either(!isBelow(x.umin, y.umax), isBelow(x.umax, y.umin));
    }
    case 'jsgt':
    case 'jslt': {
      const [x, y] = op === 'jsgt' ? [a, b] : [b, a];
      if (bits === 32) return either(x.s32min > y.s32max, x.s32max <= y.s32min);
      return either(isLess(y.smax, x.smin), !isLess(y.smin, x.smax));
    }
    case 'jsge':
    case 'jsle': {
      const [x, y] = op === 'jsge' ? [a, b] : [b, a];
      if (bits === 32) return either(x.s32min >= y.s32max, x.s32max < y.s32min);
      return either(!isLess(x.smin, y.smax), isLess(x.smax, y.smin));
    }
  }
}

function either(always: boolean, never: boolean): boolean | undefined {
  return always ? true : never ? false : undefined;
}

function isEqual(a: Scalar, b: Scalar, bits: 32 | 64): boolean | undefined {
  const apart32 = a.u32min > b.u32max || a.u32max < b.u32min || a.s32min > b.s32max || a.s32max < b.s32min;
  if (bits === 32) {
    if (a.isConst32 && b.isConst32) return a.value.low === b.value.low;
    return apart32 || !tnumOverlap(tnumLow32(a.tnum), tnumLow32(b.tnum)) ? false : undefined;
  }
  if (a.isConst && b.isConst) return isSame(a.value, b.value);
  const apart =
    apart32 ||
    isBelow(b.umax, a.umin) ||
    isBelow(a.umax, b.umin) ||
    isLess(b.smax, a.smin) ||
    isLess(a.smax, b.smin) ||
    !tnumOverlap(a.tnum, b.tnum);
  return apart ? false : undefined;
}

function hasBits(a: Scalar, b: Scalar, bits: 32 | 64): boolean | undefined {
  const isConst = bits === 32 ? b.isConst32 : b.isConst;
  const [tested, mask] = isConst ? [a, b] : [b, a];
  if (!(bits === 32 ? mask.isConst32 : mask.isConst)) return undefined;
  const kept = bits === 32 ? Int64.fromUint(mask.value.low) : mask.value;
  if (!and(tested.value, kept).isZero) return true;
  return and(tested.tnum.mask, kept).isZero ? false : undefined;
}

/** What is known of both sides where `a op b` holds (`taken`), or where it does not. */
export function refine(op: JumpOp, taken: boolean, a: Scalar, b: Scalar, bits: 32 | 64): [a: Scalar, b: Scalar] {
  const x = a.copy();
  const y = b.copy();
  narrow(taken ? op : OPPOSITE[op], x, y, bits);
  return [x.sync(), y.sync()];
}

/** What is known of `a` alone; of a number that is compared with itself, if `b` is `a`. */
export function refineLeft(op: JumpOp, taken: boolean, a: Scalar, b: Scalar, bits: 32 | 64): Scalar {
  const x = a.copy();
  narrow(taken ? op : OPPOSITE[op], x, a === b ? x : b.copy(), bits);
  return x.sync();
}

function narrow(condition: Condition, x: Scalar, y: Scalar, bits: 32 | 64): void {
  switch (condition) {
    case 'jeq':
      if (bits === 32) makeEqual32(x, y);
      else makeEqual(x, y);
      return;
    case 'jne':
    case 'jset':
    case 'jnset': {
      const isConst = (s: Scalar) => (bits === 32 ? s.isConst32 : s.isConst);
      const [other, known] = isConst(y) ? [x, y] : [y, x];
      if (!isConst(known)) return;
      const value = bits === 32 ? Int64.fromUint(known.value.low) : known.value;
      if (condition === 'jne') excludeEnds(other, value, bits);
      else setBits(condition, other, value, bits);
      return;
    }
    case 'jge':
    case 'jgt':
    case 'jsge':
    case 'jsgt':
      narrow(FLIPPED[condition], y, x, bits);
      return;
    case 'jle':
    case 'jlt':
      if (bits === 32) narrowUnsigned32(condition, x, y);
      else narrowUnsigned(condition, x, y);
      return;
    default:
      if (bits === 32) narrowSigned32(condition, x, y);
      else narrowSigned(condition, x, y);
  }
}

function makeEqual32(x: Scalar, y: Scalar): void {
  x.u32min = y.u32min = Math.max(x.u32min, y.u32min);
  x.u32max = y.u32max = Math.min(x.u32max, y.u32max);
  x.s32min = y.s32min = Math.max(x.s32min, y.s32min);
  x.s32max = y.s32max = Math.min(x.s32max, y.s32max);
  const both = tnumIntersect(tnumLow32(x.tnum), tnumLow32(y.tnum));
  x.tnum = tnumWithLow32(x.tnum, both);
  y.tnum = tnumWithLow32(y.tnum, both);
}

function makeEqual(x: Scalar, y: Scalar): void {
  x.umin = y.umin = maxUnsigned(x.umin, y.umin);
  x.umax = y.umax = minUnsigned(x.umax, y.umax);
  x.smin = y.smin = maxSigned(x.smin, y.smin);
  x.smax = y.smax = minSigned(x.smax, y.smax);
  x.tnum = y.tnum = tnumIntersect(x.tnum, y.tnum);
}

/** A number at the end of a range that it is not. */
function excludeEnds(x: Scalar, value: Int64, bits: 32 | 64): void {
  if (bits === 32) {
    const signed = value.low;
    const unsigned = signed >>> 0;
    if (x.u32min === unsigned) x.u32min++;
    if (x.u32max === unsigned) x.u32max--;
    if (x.s32min === signed) x.s32min = (x.s32min + 1) | 0;
    if (x.s32max === signed) x.s32max = (x.s32max - 1) | 0;
    return;
  }
  if (isSame(x.umin, value)) x.umin = add(x.umin, ONE);
  if (isSame(x.umax, value)) x.umax = subtract(x.umax, ONE);
  if (isSame(x.smin, value)) x.smin = add(x.smin, ONE);
  if (isSame(x.smax, value)) x.smax = subtract(x.smax, ONE);
}

function setBits(condition: 'jset' | 'jnset', x: Scalar, value: Int64, bits: 32 | 64): void {
  let wanted: Tnum;
  if (condition === 'jset') {
    // Some of the bits is set: that says which only if it is one.
    if (value.isZero || !and(value, subtract(value, ONE)).isZero) return;
    wanted = tnumOr(bits === 32 ? tnumLow32(x.tnum) : x.tnum, tnumConst(value));
  } else {
    wanted = tnumAnd(bits === 32 ? tnumLow32(x.tnum) : x.tnum, tnumConst(not(value)));
    // The ranges are taken from the bits anew: those before may contradict them.
    x.unbound64();
    x.unbound32();
  }
  x.tnum = bits === 32 ? tnumWithLow32(x.tnum, wanted) : wanted;
}

function narrowUnsigned32(condition: 'jle' | 'jlt', x: Scalar, y: Scalar): void {
  const step = condition === 'jlt' ? 1 : 0;
  x.u32max = Math.min(x.u32max, (y.u32max - step) >>> 0);
  y.u32min = Math.max((x.u32min + step) >>> 0, y.u32min);
}

function narrowUnsigned(condition: 'jle' | 'jlt', x: Scalar, y: Scalar): void {
  const step = condition === 'jlt' ? ONE : ZERO;
  x.umax = minUnsigned(x.umax, subtract(y.umax, step));
  y.umin = maxUnsigned(add(x.umin, step), y.umin);
}

function narrowSigned32(condition: Condition, x: Scalar, y: Scalar): void {
  const step = condition === 'jslt' ? 1 : 0;
  x.s32max = Math.min(x.s32max, (y.s32max - step) | 0);
  y.s32min = Math.max((x.s32min + step) | 0, y.s32min);
}

function narrowSigned(condition: Condition, x: Scalar, y: Scalar): void {
  const step = condition === 'jslt' ? ONE : ZERO;
  x.smax = minSigned(x.smax, subtract(y.smax, step));
  y.smin = maxSigned(add(x.smin, step), y.smin);
}
