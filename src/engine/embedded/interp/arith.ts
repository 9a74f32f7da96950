/** 64-bit arithmetic on pairs of 32-bit words that JavaScript's numbers cannot do directly. */

/** The high 32 bits of the unsigned product of two 32-bit words, as a signed word. */
export function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  // Each sum stays below 2^32.
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const low = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + (middle >>> 16) + (low >>> 16)) | 0;
}

/**
 * Division of 64-bit values with BPF's rules: by zero gives 0, and the remainder of a division by zero is the dividend; the most negative
 * number divided by -1 is itself. Quotient or remainder are left in `low` and `high`.
 */
export class Divider {
  readonly #words = new Int32Array(4);
  readonly #signed = new BigInt64Array(this.#words.buffer);
  readonly #unsigned = new BigUint64Array(this.#words.buffer);
  low = 0;
  high = 0;

  /** `remainder` false: the quotient. */
  unsigned(aLow: number, aHigh: number, bLow: number, bHigh: number, remainder: boolean): void {
    if ((bLow | bHigh) === 0) {
      this.#byZero(aLow, aHigh, remainder);
    } else if ((aHigh | bHigh) === 0) {
      const a = aLow >>> 0;
      const b = bLow >>> 0;
      this.low = (remainder ? a % b : Math.floor(a / b)) | 0;
      this.high = 0;
    } else {
      this.#load(aLow, aHigh, bLow, bHigh);
      const [a = 0n, b = 1n] = this.#unsigned;
      this.#unsigned[0] = remainder ? a % b : a / b;
      this.#store();
    }
  }

  /** Rounds toward zero; the remainder has the sign of the dividend. */
  signed(aLow: number, aHigh: number, bLow: number, bHigh: number, remainder: boolean): void {
    if ((bLow | bHigh) === 0) {
      this.#byZero(aLow, aHigh, remainder);
      return;
    }
    this.#load(aLow, aHigh, bLow, bHigh);
    const [a = 0n, b = 1n] = this.#signed;
    this.#signed[0] = remainder ? a % b : a / b; // 2^63 wraps to the most negative number
    this.#store();
  }

  #byZero(aLow: number, aHigh: number, remainder: boolean): void {
    this.low = remainder ? aLow : 0;
    this.high = remainder ? aHigh : 0;
  }

  #load(aLow: number, aHigh: number, bLow: number, bHigh: number): void {
    this.#words[0] = aLow;
    this.#words[1] = aHigh;
    this.#words[2] = bLow;
    this.#words[3] = bHigh;
  }

  #store(): void {
    this.low = this.#words[0] ?? 0;
    this.high = this.#words[1] ?? 0;
  }
}

/** The bytes of a word in the opposite order. */
export function swap32(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** The two low bytes exchanged, the rest zero. */
export function swap16(word: number): number {
  return ((word & 0xff) << 8) | ((word >>> 8) & 0xff);
}
