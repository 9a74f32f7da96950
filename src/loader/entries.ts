import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import { own, possibleCpus } from './calls.ts';
import type { ShareOptions } from './share.ts';

/** Bytes; the smallest there is. */
const PAGE = 4096;

/**
 * The spec with `max_entries` as it will be asked for: what the caller says, and for what the definition leaves to the loader what libbpf makes of it.
 * A perf event array without entries gets one for each possible CPU; a ring buffer's size is rounded up to pages and a power of two.
 */
export function withEntries(kernel: Kernel, spec: ObjectSpec, options: ShareOptions): ObjectSpec {
  return { ...spec, maps: spec.maps.map((map) => sized(kernel, map, own(options.maxEntries, map.name))) };
}

function sized(kernel: Kernel, map: MapSpec, asked: number | undefined): MapSpec {
  const inner = map.inner && sized(kernel, map.inner, undefined);
  return { ...map, inner, maxEntries: entries(kernel, map, asked ?? map.maxEntries) };
}

function entries(kernel: Kernel, { type }: MapSpec, n: number): number {
  if (type === 'perf_event_array' && n === 0) return possibleCpus(kernel);
  if ((type === 'ringbuf' || type === 'user_ringbuf') && n > 0) {
    return Math.max(PAGE, 2 ** Math.ceil(Math.log2(n)));
  }
  return n;
}
