import {
  and as and64,
  Int64,
  isBelow,
  isBelow32,
  isLess,
  isSame,
  maxSigned,
  maxUnsigned,
  minSigned,
  minUnsigned,
  ONES,
  or as or64,
  S64_MAX,
  S64_MIN,
  ZERO,
} from './int64.ts';
import { TNUM_UNKNOWN, Tnum, tnumConst, tnumContains, tnumIntersect, tnumNext, tnumRange } from './tnum.ts';

export const U32_MAX = 0xffff_ffff;
export const S32_MIN = -0x8000_0000;
export const S32_MAX = 0x7fff_ffff;
const WIDE_S32_MIN = Int64.fromInt(S32_MIN);
const WIDE_S32_MAX = Int64.fromInt(S32_MAX);

/** What follows of one kind of knowledge for another is looked for so often. */
const ROUNDS = 3;

/**
 * All that is known of a number: bits, and ranges of the number as a 64-bit and as a 32-bit number, signed and unsigned. One that is in use is
 * not changed any more: states share them.
 */
export class Scalar {
  tnum: Tnum = TNUM_UNKNOWN;
  smin = S64_MIN;
  smax = S64_MAX;
  umin = ZERO;
  umax = ONES;
  s32min = S32_MIN;
  s32max = S32_MAX;
  // As int32, which takes no memory of its own.
  #u32min = 0;
  #u32max = -1;

  static known(value: Int64): Scalar {
    const s = new Scalar();
    s.becomeKnown(value);
    return s;
  }

  /** An int32, sign-extended. */
  static int(value: number): Scalar {
    return Scalar.known(Int64.fromInt(value));
  }

  /** Any of a signed range. */
  static between(min: Int64, max: Int64): Scalar {
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
    s.#u32min = this.#u32min;
    s.#u32max = this.#u32max;
    return s;
  }

  get u32min(): number {
    return this.#u32min >>> 0;
  }

  set u32min(value: number) {
    this.#u32min = value | 0;
  }

  get u32max(): number {
    return this.#u32max >>> 0;
  }

  set u32max(value: number) {
    this.#u32max = value | 0;
  }

  /** Whether it is one known number. */
  get isConst(): boolean {
    return this.tnum.mask.isZero;
  }

  /** Whether its low 32 bits are one known number. */
  get isConst32(): boolean {
    return this.tnum.mask.low === 0;
  }

  /** Whether it says nothing. */
  get isUnknown(): boolean {
    return (
      this.tnum.mask.high === -1 &&
      this.isUnknown32 &&
      this.umin.isZero &&
      isSame(this.umax, ONES) &&
      isSame(this.smin, S64_MIN) &&
      isSame(this.smax, S64_MAX)
    );
  }

  /** Whether it says nothing of the low 32 bits. */
  get isUnknown32(): boolean {
    return (
      this.tnum.mask.low === -1 &&
      this.s32min === S32_MIN &&
      this.s32max === S32_MAX &&
      this.#u32min === 0 &&
      this.#u32max === -1
    );
  }

  /** Of a known number. */
  get value(): Int64 {
    return this.tnum.value;
  }

  get isZero(): boolean {
    return this.tnum.mask.isZero && this.tnum.value.isZero;
  }

  equals(other: Scalar): boolean {
    return (
      this === other ||
      (isSame(this.tnum.value, other.tnum.value) &&
        isSame(this.tnum.mask, other.tnum.mask) &&
        isSame(this.smin, other.smin) &&
        isSame(this.smax, other.smax) &&
        isSame(this.umin, other.umin) &&
        isSame(this.umax, other.umax) &&
        this.s32min === other.s32min &&
        this.s32max === other.s32max &&
        this.#u32min === other.#u32min &&
        this.#u32max === other.#u32max)
    );
  }

  /** Whether every number that `other` may be is one that this may be. */
  contains(other: Scalar): boolean {
    return this === other || (this.#rangeContains(other) && tnumContains(this.tnum, other.tnum));
  }

  #rangeContains(other: Scalar): boolean {
    return !(
      isBelow(other.umin, this.umin) ||
      isBelow(this.umax, other.umax) ||
      isLess(other.smin, this.smin) ||
      isLess(this.smax, other.smax) ||
      isBelow32(other.#u32min, this.#u32min) ||
      isBelow32(this.#u32max, other.#u32max) ||
      other.s32min < this.s32min ||
      this.s32max < other.s32max
    );
  }

  /** Changes this one, which must not be in use yet; as all that follow. */
  becomeKnown(value: Int64): void {
    this.tnum = tnumConst(value);
    this.smin = this.smax = this.umin = this.umax = value;
    this.s32min = this.s32max = this.#u32min = this.#u32max = value.low;
  }

  unbound64(): void {
    this.smin = S64_MIN;
    this.smax = S64_MAX;
    this.umin = ZERO;
    this.umax = ONES;
  }

  unbound32(): void {
    this.s32min = S32_MIN;
    this.s32max = S32_MAX;
    this.#u32min = 0;
    this.#u32max = -1;
  }

  /** Lets what is known in one way improve what is known in the others. */
  sync(): this {
    this.#boundsFromBits();
    for (let round = 0; round < ROUNDS; round++) {
      const { tnum, smin, smax, umin, umax, s32min, s32max } = this;
      const u32min = this.#u32min;
      const u32max = this.#u32max;
      this.#bounds32();
      this.#bounds64();
      this.#boundsMixed();
      const same =
        this.smin === smin &&
        this.smax === smax &&
        this.umin === umin &&
        this.umax === umax &&
        this.s32min === s32min &&
        this.s32max === s32max &&
        this.#u32min === u32min &&
        this.#u32max === u32max &&
        this.tnum === tnum;
      if (same) break;
    }
    this.#bitsFromBounds();
    this.#boundsFromBits();
    return this;
  }

  boundsFromBits32(): void {
    const value = this.tnum.value.low;
    const mask = this.tnum.mask.low;
    this.#narrowSigned32(value | (mask & S32_MIN), value | (mask & S32_MAX));
    this.#narrowUnsigned32(value, value | mask);
  }

  #narrowSigned32(min: number, max: number): void {
    if (min > this.s32min) this.s32min = min;
    if (max < this.s32max) this.s32max = max;
  }

  #narrowUnsigned32(min: number, max: number): void {
    if (isBelow32(this.#u32min, min)) this.#u32min = min;
    if (isBelow32(max, this.#u32max)) this.#u32max = max;
  }

  #narrowSigned(min: Int64, max: Int64): void {
    this.smin = maxSigned(this.smin, min);
    this.smax = minSigned(this.smax, max);
  }

  #narrowUnsigned(min: Int64, max: Int64): void {
    this.umin = maxUnsigned(this.umin, min);
    this.umax = minUnsigned(this.umax, max);
  }

  #boundsFromBits(): void {
    this.boundsFromBits32();
    const { value, mask } = this.tnum;
    if (mask.isZero) {
      this.#narrowSigned(value, value);
      this.#narrowUnsigned(value, value);
      return;
    }
    if (mask.high === -1 && mask.low === -1) return;
    this.#narrowSigned(or64(value, and64(mask, S64_MIN)), or64(value, and64(mask, S64_MAX)));
    this.#narrowUnsigned(value, or64(value, mask));
    this.#onlyCommon();
  }

  /** The range and the bits may have only one number in common. */
  #onlyCommon(): void {
    const { tnum, umin, umax } = this;
    if (isSame(umin, umax)) return;
    const { value, mask } = tnum;
    const minFits = (umin.high & ~mask.high) === value.high && (umin.low & ~mask.low) === value.low;
    // The one after it fits as well: what follows would say nothing.
    if (minFits && (mask.low & ~umin.low & 1) !== 0 && isBelow(umin, umax)) return;
    const next = tnumNext(tnum, umin);
    if (minFits) {
      if (isBelow(umax, next)) this.becomeKnown(umin);
    } else if (isSame(next, or64(value, mask))) this.becomeKnown(next);
    else if (!isBelow(umax, next) && isBelow(umax, tnumNext(tnum, next))) this.becomeKnown(next);
  }

  #bounds32(): void {
    this.#narrow32(this.umin, this.umax);
    this.#narrow32(this.smin, this.smax);
    // High halves that follow each other, low halves that pass from negative to positive.
    this.#narrowAcross(this.umin, this.umax);
    this.#narrowAcross(this.smin, this.smax);
    if (this.#u32min <= this.#u32max) this.#narrowSigned32(this.#u32min, this.#u32max);
    if (!isBelow32(this.s32max, this.s32min)) this.#narrowUnsigned32(this.s32min, this.s32max);
    else if (isBelow32(this.#u32max, this.s32min)) {
      this.s32min = this.#u32min;
      if (isBelow32(this.s32max, this.#u32max)) this.#u32max = this.s32max;
    } else if (isBelow32(this.s32max, this.#u32min)) {
      this.s32max = this.#u32max;
      if (isBelow32(this.#u32min, this.s32min)) this.#u32min = this.s32min;
    }
  }

  /** The low halves of a 64-bit range whose high halves are equal. */
  #narrow32(from: Int64, to: Int64): void {
    if (from.high !== to.high) return;
    if (!isBelow32(to.low, from.low)) this.#narrowUnsigned32(from.low, to.low);
    if (from.low <= to.low) this.#narrowSigned32(from.low, to.low);
  }

  #narrowAcross(from: Int64, to: Int64): void {
    if (((from.high + 1) | 0) === to.high && from.low < 0 && to.low >= 0) this.#narrowSigned32(from.low, to.low);
  }

  #bounds64(): void {
    if (!isLess(this.umax, this.umin)) this.#narrowSigned(this.umin, this.umax);
    const { smin, smax } = this;
    if (!isBelow(smax, smin)) this.#narrowUnsigned(smin, smax);
    else if (isBelow(this.umax, smin)) {
      // The signed range is in two pieces as an unsigned one, and nothing of the negative piece is left.
      this.smin = this.umin;
      this.umax = minUnsigned(this.umax, smax);
    } else if (isBelow(smax, this.umin)) {
      this.smax = this.umax;
      this.umin = maxUnsigned(this.umin, smin);
    }
  }

  #boundsMixed(): void {
    this.#tighten(this.#u32min, this.#u32max);
    if (!isBelow32(this.s32max, this.s32min)) this.#tighten(this.s32min, this.s32max);
    // After a load with sign extension the high half is all ones or all zeros.
    if (this.s32min < 0 || isLess(this.smin, WIDE_S32_MIN) || isLess(WIDE_S32_MAX, this.smax)) return;
    const min = Int64.fromInt(this.s32min);
    const max = Int64.fromInt(this.s32max);
    if (!isSame(min, this.smin) || !isSame(min, this.umin)) this.smin = this.umin = min;
    if (!isSame(max, this.smax) || !isSame(max, this.umax)) this.smax = this.umax = max;
    this.#learnBits(tnumIntersect(this.tnum, tnumRange(min, max)));
  }

  /** A range of the low half, as unsigned numbers, limits the whole. */
  #tighten(low: number, high: number): void {
    const { umin, umax, smin, smax } = this;
    if (isBelow32(umin.low, low)) this.umin = new Int64(umin.high, low);
    if (isBelow32(high, umax.low)) this.umax = new Int64(umax.high, high);
    if (isBelow32(smin.low, low)) this.smin = new Int64(smin.high, low);
    if (isBelow32(high, smax.low)) this.smax = new Int64(smax.high, high);
  }

  #bitsFromBounds(): void {
    const { value, mask } = tnumIntersect(this.tnum, tnumRange(this.umin, this.umax));
    const range = tnumRange(Int64.fromUint(this.#u32min), Int64.fromUint(this.#u32max));
    const low = mask.low & range.mask.low;
    this.#learnBits(new Tnum(new Int64(value.high, (value.low | range.value.low) & ~low), new Int64(mask.high, low)));
  }

  #learnBits(tnum: Tnum): void {
    if (!isSame(tnum.value, this.tnum.value) || !isSame(tnum.mask, this.tnum.mask)) this.tnum = tnum;
  }

  /** Whether no number is all that this says: a path that is never taken was followed. */
  get isContradictory(): boolean {
    if (isBelow(this.umax, this.umin) || isLess(this.smax, this.smin)) return true;
    if (isBelow32(this.#u32max, this.#u32min) || this.s32max < this.s32min) return true;
    const { value } = this.tnum;
    if (this.isConst) {
      const same =
        isSame(this.umin, value) && isSame(this.umax, value) && isSame(this.smin, value) && isSame(this.smax, value);
      if (!same) return true;
    }
    if (!this.isConst32) return false;
    const { low } = value;
    return this.#u32min !== low || this.#u32max !== low || this.s32min !== low || this.s32max !== low;
  }
}

export const UNKNOWN_SCALAR = new Scalar();
export const ZERO_SCALAR = Scalar.known(ZERO);
