import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { CGROUP_SKB_HELPERS } from '../helpers/allowed.ts';
import type { ProgType } from './prog-type.ts';

/** The result's bit 0 lets the packet pass; on egress bit 1 reports congestion. */
export const cgroup_skb: ProgType = {
  name: 'cgroup_skb',
  helpers: CGROUP_SKB_HELPERS,
  context: 'skb',
  linkHeader: false,
  packetLoads: false,
  attachTypes: [attachTypeNumber.cgroup_inet_ingress, attachTypeNumber.cgroup_inet_egress],
};
