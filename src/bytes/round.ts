/** `n` rounded up to a multiple of `step`. */
export function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}

/** The least power of two that is not below `n`, which is 1 or more. */
export function roundUpToPowerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}
