import { TC_HELPERS } from '../helpers/allowed.ts';
import type { ProgType } from './prog-type.ts';

/** A classifier of cls_bpf; see hooks/cls-bpf.ts for what its result means. */
export const sched_cls: ProgType = {
  name: 'sched_cls',
  helpers: TC_HELPERS,
  context: 'skb',
  linkHeader: true,
  packetLoads: true,
  attachTypes: undefined,
};
