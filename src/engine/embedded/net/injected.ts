import type { Classification } from '../hooks/cls-bpf.ts';

/** What a hook made of a frame. */
export interface Injected {
  /** TC_ACT_* after all filters; TC_ACT_UNSPEC (-1) where no filter had an opinion, which lets the frame pass. */
  readonly verdict: number;
  /** XDP_*, where the device has an XDP program; if that is not XDP_PASS, no filter has seen the frame, and the verdict is TC_ACT_SHOT. */
  readonly xdp?: number | undefined;
  /** The class that the filters gave it; 0 for none. */
  readonly classid: number;
  /** The frame as the filters left it, from its Ethernet header on. */
  readonly frame: Uint8Array;
  /** The first program that did not end as it should. */
  readonly fault: Classification['fault'];
}
