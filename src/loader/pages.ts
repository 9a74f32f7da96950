import type { Mapping } from '../sys/kernel.ts';
import { orUndefined } from './calls.ts';

/** Bytes of a page. A mapping that begins with a page of positions has to know; only trying tells. */
const PAGE_SIZES = [4096, 16384, 65536] as const;

/** What `map` makes with the size of page that the kernel has: the first that it does not refuse with EINVAL. `undefined` if it refuses all. */
export function withPageSize<T>(
  map: (page: number) => T | undefined,
): { readonly page: number; readonly mapped: T } | undefined {
  for (const page of PAGE_SIZES) {
    const mapped = orUndefined('EINVAL', () => map(page));
    if (mapped !== undefined) return { page, mapped };
  }
  return undefined;
}

/** Two mappings or none: if the second cannot be made, the first is given back. */
export function both(first: Mapping, second: () => Mapping): readonly [Mapping, Mapping] {
  try {
    return [first, second()];
  } catch (error) {
    first[Symbol.dispose]();
    throw error;
  }
}
