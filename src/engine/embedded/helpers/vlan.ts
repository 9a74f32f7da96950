import { errno } from '../../../uapi/errno.ts';
import { ETH_P_8021AD, ETH_P_8021Q } from '../../../uapi/netlink.ts';
import { swap16 } from '../interp/arith.ts';
import { isVlan } from '../progs/skb.ts';
import { helper } from './helper.ts';

/** The new tag travels beside the frame; one that did before goes into the frame. A protocol that is none of VLANs counts as 802.1Q. */
export const skb_vlan_push = helper({
  id: 18,
  name: 'skb_vlan_push',
  args: ['skb', 'anything', 'anything'],
  returns: 'integer',
  call(_env, skb, protocol, tci) {
    if (!skb.pushVlan()) return -errno.ENOMEM;
    const given = swap16(protocol & 0xffff);
    skb.vlan = { protocol: given === ETH_P_8021AD ? given : ETH_P_8021Q, tci: tci & 0xffff };
    skb.publish();
    return 0;
  },
});

/** Takes the outermost tag away; the next one then travels beside the frame. 0 also where there is none. */
export const skb_vlan_pop = helper({
  id: 19,
  name: 'skb_vlan_pop',
  args: ['skb'],
  returns: 'integer',
  call(_env, skb) {
    if (skb.vlan === undefined && isVlan(skb.protocol) && skb.popVlan() === undefined) return -errno.ENOMEM;
    skb.vlan = undefined;
    const next = isVlan(skb.protocol) ? skb.popVlan() : undefined;
    const failed = isVlan(skb.protocol) && next === undefined;
    skb.vlan = next;
    skb.publish();
    return failed ? -errno.ENOMEM : 0;
  },
});
