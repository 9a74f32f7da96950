import { XDP_HELPERS } from '../helpers/allowed.ts';
import type { ProgType } from './prog-type.ts';

/** The result is one of XDP_*. */
export const xdp: ProgType = {
  name: 'xdp',
  helpers: XDP_HELPERS,
  context: 'xdp',
  linkHeader: true,
  packetLoads: false,
  attachTypes: undefined,
};
