import { ringEntries } from '../object/ring.ts';
import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import { own, possibleCpus } from './calls.ts';
import type { ShareOptions } from './share.ts';

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
  return ringEntries(type, n);
}
