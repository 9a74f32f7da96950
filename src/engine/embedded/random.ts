/** The words of the state. */
export const RANDOM = { a: 0, b: 1, c: 2, counter: 3 } as const;
export const RANDOM_SIZE = 16;

/**
 * A stream of unsigned 32-bit numbers, the same for the same seed. Algorithm: sfc32 (Chris Doty-Humphrey, PractRand; public domain). `state`: four words, from which others may go on;
 * compiled programs do.
 */
export function createRandom(seed: number, state: Int32Array = new Int32Array(RANDOM_SIZE / 4)): () => number {
  state.set([seed, 0, 0, 1]);
  const next = (): number => {
    const [a, b] = [state[RANDOM.a] ?? 0, state[RANDOM.b] ?? 0];
    const [c, counter] = [state[RANDOM.c] ?? 0, state[RANDOM.counter] ?? 0];
    const result = (a + b + counter) | 0;
    state[RANDOM.a] = b ^ (b >>> 9);
    state[RANDOM.b] = c + (c << 3);
    state[RANDOM.c] = ((c << 21) | (c >>> 11)) + result;
    state[RANDOM.counter] = counter + 1;
    return result >>> 0;
  };
  // A seed of few bits needs some rounds until every bit depends on it.
  for (let i = 0; i < 16; i++) next();
  return next;
}
