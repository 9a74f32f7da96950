import { TC_HELPERS } from '../helpers/allowed.ts';
import type { ProgType } from './prog-type.ts';

/** An action of act_bpf. */
export const sched_act: ProgType = {
  name: 'sched_act',
  helpers: TC_HELPERS,
  context: 'skb',
  linkHeader: true,
  packetLoads: true,
  attachTypes: undefined,
};
