import { ringEntries } from '../object/ring.ts';
import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { MapType } from '../uapi/bpf.ts';
import { own, possibleCpus } from './calls.ts';
import type { ShareOptions } from './share.ts';

/**
 * Types of which the kernel takes one size of key and value only, in bytes. Programs are written without them, or with the type of what goes through
 * the buffer in their place, for loaders that know better; libbpf asks for what is written, and is refused.
 */
const SIZES: Partial<Record<MapType, readonly [key: number, value: number]>> = {
  perf_event_array: [4, 4],
  prog_array: [4, 4],
  cgroup_array: [4, 4],
  ringbuf: [0, 0],
  user_ringbuf: [0, 0],
};

/**
 * The spec with sizes as they will be asked for: `max_entries` as the caller says, and for what the definition leaves to the loader what libbpf makes of
 * it. A perf event array without entries gets one for each possible CPU; a ring buffer's size is rounded up to pages and a power of two.
 */
export function withEntries(kernel: Kernel, spec: ObjectSpec, options: ShareOptions): ObjectSpec {
  return { ...spec, maps: spec.maps.map((map) => sized(kernel, map, options)) };
}

function sized(kernel: Kernel, map: MapSpec, options: ShareOptions): MapSpec {
  const inner = map.inner && sized(kernel, map.inner, options);
  const [keySize, valueSize] = SIZES[map.type] ?? [map.keySize, map.valueSize];
  return { ...map, inner, keySize, valueSize, maxEntries: entries(kernel, map, own(options.maxEntries, map.name)) };
}

function entries(kernel: Kernel, { type, maxEntries }: MapSpec, asked = maxEntries): number {
  if (type === 'perf_event_array' && asked === 0) return possibleCpus(kernel);
  return ringEntries(type, asked);
}
