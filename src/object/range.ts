/** Those of `sorted` (ascending by `offset`) with `from <= offset < to`. */
export function between<T extends { readonly offset: number }>(sorted: readonly T[], from: number, to: number): T[] {
  return sorted.slice(lowerBound(sorted, from), lowerBound(sorted, to));
}

/** `items` ascending by offset; those with the same one keep their order. */
export function byOffset<T extends { readonly offset: number }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.offset - b.offset);
}

/** The index of the first element at `offset` or after it. */
function lowerBound(sorted: readonly { readonly offset: number }[], offset: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.offset ?? offset) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
