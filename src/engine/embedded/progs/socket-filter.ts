import { SOCKET_FILTER_HELPERS } from '../helpers/allowed.ts';
import type { ProgType } from './prog-type.ts';

/** The result is how many bytes of the packet the socket keeps; 0 drops it. */
export const socket_filter: ProgType = {
  name: 'socket_filter',
  helpers: SOCKET_FILTER_HELPERS,
  context: 'skb',
  linkHeader: false,
  packetLoads: true,
  attachTypes: undefined,
};
