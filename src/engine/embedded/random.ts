/** A stream of unsigned 32-bit numbers, the same for the same seed. Algorithm: sfc32 (Chris Doty-Humphrey, PractRand; public domain). */
export function createRandom(seed: number): () => number {
  let a = seed | 0;
  let b = 0;
  let c = 0;
  let counter = 1;
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  // A seed of few bits needs some rounds until every bit depends on it.
  for (let i = 0; i < 16; i++) next();
  return next;
}
