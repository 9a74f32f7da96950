import type { JumpOp } from '../../../isa/index.ts';
import type { Scalar } from './scalar.ts';
import {
  type Tnum,
  tnumAnd,
  tnumConst,
  tnumIntersect,
  tnumLow32,
  tnumOr,
  tnumOverlap,
  tnumWithLow32,
  U64_MAX,
} from './tnum.ts';

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
  return bits === 32 ? compare(op, view32(a), view32(b)) : compare64(op, a, b);
}

/** Ranges of numbers, and their bits. bigint and number compare with each other. */
interface View<N extends number | bigint> {
  readonly tnum: Tnum;
  readonly umin: N;
  readonly umax: N;
  readonly smin: N;
  readonly smax: N;
}

function view32(a: Scalar): View<number> {
  return { tnum: tnumLow32(a.tnum), umin: a.u32min, umax: a.u32max, smin: a.s32min, smax: a.s32max };
}

function compare64(op: JumpOp, a: Scalar, b: Scalar): boolean | undefined {
  const found = compare(op, a, b);
  if (found !== undefined || (op !== 'jeq' && op !== 'jne')) return found;
  const apart = a.u32min > b.u32max || a.u32max < b.u32min || a.s32min > b.s32max || a.s32max < b.s32min;
  return apart ? op === 'jne' : undefined;
}

function compare<N extends number | bigint>(op: JumpOp, a: View<N>, b: View<N>): boolean | undefined {
  switch (op) {
    case 'jeq':
      return isEqual(a, b);
    case 'jne': {
      const equal = isEqual(a, b);
      return equal === undefined ? undefined : !equal;
    }
    case 'jset':
      return hasBits(a, b);
    case 'jgt':
      return a.umin > b.umax ? true : a.umax <= b.umin ? false : undefined;
    case 'jge':
      return a.umin >= b.umax ? true : a.umax < b.umin ? false : undefined;
    case 'jlt':
      return a.umax < b.umin ? true : a.umin >= b.umax ? false : undefined;
    case 'jle':
      return a.umax <= b.umin ? true : a.umin > b.umax ? false : undefined;
    case 'jsgt':
      return a.smin > b.smax ? true : a.smax <= b.smin ? false : undefined;
    case 'jsge':
      return a.smin >= b.smax ? true : a.smax < b.smin ? false : undefined;
    case 'jslt':
      return a.smax < b.smin ? true : a.smin >= b.smax ? false : undefined;
    case 'jsle':
      return a.smax <= b.smin ? true : a.smin > b.smax ? false : undefined;
  }
}

function isEqual<N extends number | bigint>(a: View<N>, b: View<N>): boolean | undefined {
  if (a.tnum.mask === 0n && b.tnum.mask === 0n) return a.tnum.value === b.tnum.value;
  const apart =
    !tnumOverlap(a.tnum, b.tnum) || a.umin > b.umax || a.umax < b.umin || a.smin > b.smax || a.smax < b.smin;
  return apart ? false : undefined;
}

function hasBits<N extends number | bigint>(a: View<N>, b: View<N>): boolean | undefined {
  const [bits, mask] = b.tnum.mask === 0n ? [a.tnum, b.tnum] : [b.tnum, a.tnum];
  if (mask.mask !== 0n) return undefined;
  if ((~bits.mask & bits.value & mask.value) !== 0n) return true;
  return ((bits.mask | bits.value) & mask.value) === 0n ? false : undefined;
}

/** What is known of both sides where `a op b` holds (`taken`), or where it does not. */
export function refine(op: JumpOp, taken: boolean, a: Scalar, b: Scalar, bits: 32 | 64): [a: Scalar, b: Scalar] {
  const condition = taken ? op : OPPOSITE[op];
  const x = a.copy();
  const y = b.copy();
  if (condition === 'jge' || condition === 'jgt' || condition === 'jsge' || condition === 'jsgt')
    narrow(FLIPPED[condition], y, x, bits);
  else narrow(condition, x, y, bits);
  return [x.sync(), y.sync()];
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
      const value = bits === 32 ? BigInt.asUintN(32, known.value) : known.value;
      if (condition === 'jne') excludeEnds(other, value, bits);
      else setBits(condition, other, value, bits);
      return;
    }
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
  x.umin = y.umin = max(x.umin, y.umin);
  x.umax = y.umax = min(x.umax, y.umax);
  x.smin = y.smin = max(x.smin, y.smin);
  x.smax = y.smax = min(x.smax, y.smax);
  x.tnum = y.tnum = tnumIntersect(x.tnum, y.tnum);
}

/** A number at the end of a range that it is not. */
function excludeEnds(x: Scalar, value: bigint, bits: 32 | 64): void {
  if (bits === 32) {
    const unsigned = Number(value);
    const signed = unsigned | 0;
    if (x.u32min === unsigned) x.u32min = (x.u32min + 1) >>> 0;
    if (x.u32max === unsigned) x.u32max = (x.u32max - 1) >>> 0;
    if (x.s32min === signed) x.s32min = (x.s32min + 1) | 0;
    if (x.s32max === signed) x.s32max = (x.s32max - 1) | 0;
    return;
  }
  const signed = BigInt.asIntN(64, value);
  if (x.umin === value) x.umin = BigInt.asUintN(64, x.umin + 1n);
  if (x.umax === value) x.umax = BigInt.asUintN(64, x.umax - 1n);
  if (x.smin === signed) x.smin = BigInt.asIntN(64, x.smin + 1n);
  if (x.smax === signed) x.smax = BigInt.asIntN(64, x.smax - 1n);
}

function setBits(condition: 'jset' | 'jnset', x: Scalar, value: bigint, bits: 32 | 64): void {
  let wanted: Tnum;
  if (condition === 'jset') {
    // Some of the bits is set: that says which only if it is one.
    if (value === 0n || (value & (value - 1n)) !== 0n) return;
    wanted = tnumOr(bits === 32 ? tnumLow32(x.tnum) : x.tnum, tnumConst(value));
  } else {
    wanted = tnumAnd(bits === 32 ? tnumLow32(x.tnum) : x.tnum, tnumConst(~value & U64_MAX));
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
  const step = condition === 'jlt' ? 1n : 0n;
  x.umax = min(x.umax, BigInt.asUintN(64, y.umax - step));
  y.umin = max(BigInt.asUintN(64, x.umin + step), y.umin);
}

function narrowSigned32(condition: Condition, x: Scalar, y: Scalar): void {
  const step = condition === 'jslt' ? 1 : 0;
  x.s32max = Math.min(x.s32max, (y.s32max - step) | 0);
  y.s32min = Math.max((x.s32min + step) | 0, y.s32min);
}

function narrowSigned(condition: Condition, x: Scalar, y: Scalar): void {
  const step = condition === 'jslt' ? 1n : 0n;
  x.smax = min(x.smax, BigInt.asIntN(64, y.smax - step));
  y.smin = max(BigInt.asIntN(64, x.smin + step), y.smin);
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
