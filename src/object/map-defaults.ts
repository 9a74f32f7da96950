import type { MapSpec } from './spec.ts';

/** What only a map that is written down as one can say otherwise. */
export const UNSAID = {
  mapExtra: 0n,
  numaNode: undefined,
  pinning: 'none',
  id: 0,
  innerId: 0,
  innerIdx: 0,
  inner: undefined,
  slots: [],
} as const satisfies Partial<MapSpec>;
