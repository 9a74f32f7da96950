import { roundUpToPowerOfTwo } from '../bytes/round.ts';
import type { MapType } from '../uapi/bpf.ts';

/** Bytes; the smallest ring buffer. */
const PAGE = 4096;

/**
 * `max_entries` as libbpf asks for it: the kernel takes ring buffers of a power of two of pages, so those are rounded up where there is one, and 0 stays
 * 0. Other types have what the definition says.
 */
export function ringEntries(type: MapType, n: number): number {
  if ((type !== 'ringbuf' && type !== 'user_ringbuf') || n === 0 || n > 2 ** 31) return n;
  return roundUpToPowerOfTwo(Math.max(n, PAGE));
}
