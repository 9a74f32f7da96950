import type { XdpHop } from '../progs/frame.ts';
import { BpfMap } from './map.ts';

/** A map that bpf_redirect_map takes. */
export abstract class RedirectMap extends BpfMap {
  /** Flags of bpf_redirect_map beyond what is returned on a miss. */
  readonly redirectFlags: number = 0;
  /** Where a frame that came in by the device `from` goes; `undefined` where there is nothing at `index`. */
  abstract hops(index: number, flags: number, from: number): readonly XdpHop[] | undefined;
}
