/** A 32-bit hash of `size` bytes at `at`. Algorithm: MurmurHash3 (Austin Appleby; public domain), with the last bytes taken as one word. */
export function hashKey(view: DataView, at: number, size: number, seed: number): number {
  let hash = seed;
  let offset = 0;
  for (; offset + 4 <= size; offset += 4) hash = mix(hash, view.getInt32(at + offset, true));
  let tail = 0;
  for (let last = size - 1; last >= offset; last--) tail = (tail << 8) | view.getUint8(at + last);
  if (offset < size) hash = mix(hash, tail);
  hash ^= size;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = hash ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
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
