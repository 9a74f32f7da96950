/** Of an odd number: what 2^32 divided by the golden ratio is. */
const GOLDEN = 0x9e3779b1;

/**
 * The numbers that the words of a key of `size` bytes are multiplied by. One word's product does not wait for another's, and each seed has numbers of its own: who does
 * not know it cannot choose keys that meet.
 */
export function keyFactors(size: number, seed: number): Int32Array {
  return Int32Array.from({ length: Math.ceil(size / 4) }, (_, i) => mix(seed + Math.imul(i + 1, GOLDEN)) | 1);
}

/**
 * What is done with the sum of the products: their upper bits come down, and go up again. Once is enough: with keys that count up, step by a power of two, or differ in one byte of several
 * words, chains are as long as those of random numbers.
 */
export const FINISH = { before: 16, factor: 0x7feb352d, after: 15 } as const;

/** The hash of a key. `factors`: {@link keyFactors}. Compiled programs do the same. */
export function hashKey(view: DataView, at: number, size: number, factors: Int32Array): number {
  let hash = size;
  let offset = 0;
  let i = 0;
  for (; offset + 4 <= size; offset += 4) hash += product(view.getInt32(at + offset, true), factors[i++] ?? 1);
  let tail = 0;
  for (let last = size - 1; last >= offset; last--) tail = (tail << 8) | view.getUint8(at + last);
  if (offset < size) hash += product(tail, factors[i] ?? 1);
  const mixed = Math.imul(hash ^ (hash >>> FINISH.before), FINISH.factor);
  return mixed ^ (mixed >>> FINISH.after);
}

/** High bits are brought down first, since products only carry upwards. */
function product(word: number, factor: number): number {
  return Math.imul(word ^ (word >>> 16), factor);
}

// The two numbers with which murmur3 ends: each bit of its input changes each of its output as often as not.
const MIX = [0x85ebca6b | 0, 0xc2b2ae35 | 0] as const;

function mix(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), MIX[0]);
  mixed = Math.imul(mixed ^ (mixed >>> 13), MIX[1]);
  return mixed ^ (mixed >>> 16);
}

export function sameKey(view: DataView, a: number, b: number, size: number): boolean {
  let offset = 0;
  for (; offset + 4 <= size; offset += 4) {
    if (view.getInt32(a + offset, true) !== view.getInt32(b + offset, true)) return false;
  }
  for (; offset < size; offset++) {
    if (view.getUint8(a + offset) !== view.getUint8(b + offset)) return false;
  }
  return true;
}
