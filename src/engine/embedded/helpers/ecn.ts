import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import { swap16 } from '../interp/arith.ts';
import type { LinearMemory } from '../memory.ts';
import { ETH_HLEN } from '../progs/frame.ts';
import { isVlan, type Skb } from '../progs/skb.ts';
import { helper } from './helper.ts';

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const VLAN_HLEN = 4;
/** The two bits of the traffic class: both set, a router was congested; neither, nobody wants to know. */
const ECN_MASK = 3;

/** Marks an IP packet whose sender listens to congestion. 1 if it is marked then, 0 if it cannot be. */
export const skb_ecn_set_ce = helper({
  id: 97,
  name: 'skb_ecn_set_ce',
  args: ['skb'],
  returns: 'integer',
  call(env, skb) {
    switch (innerProtocol(env.memory, skb)) {
      case ETH_P_IP:
        return skb.network + IPV4_HEADER > skb.end ? 0 : markIpv4(env.memory, skb.network);
      case ETH_P_IPV6:
        return skb.network + IPV6_HEADER > skb.end ? 0 : markIpv6(env.memory.u8, skb.network);
      default:
        return 0;
    }
  },
});

/** Behind VLAN tags in the frame, which Linux looks for behind a link header, whether the data starts with one or not. 0 where the frame ends. */
function innerProtocol({ dv }: LinearMemory, skb: Skb): number {
  let { protocol } = skb;
  for (let at = skb.data + ETH_HLEN; isVlan(protocol); at += VLAN_HLEN)
    protocol = at + VLAN_HLEN <= skb.end ? dv.getUint16(at + 2) : 0;
  return protocol;
}

function markIpv4({ dv }: LinearMemory, at: number): number {
  const tos = dv.getUint8(at + 1);
  const ecn = tos & ECN_MASK;
  if (ecn === 0) return 0;
  if (ecn === ECN_MASK) return 1;
  dv.setUint8(at + 1, tos | ECN_MASK);
  // The header's checksum falls by what the field grows, in one's complement and in the order of the wire.
  const sum = dv.getUint16(at + 10, true) + swap16(0xffff - (ECN_MASK - ecn));
  dv.setUint16(at + 10, sum >= 0xffff ? sum + 1 : sum, true);
  return 1;
}

function markIpv6(u8: Uint8Array, at: number): number {
  const low = u8[at + 1] ?? 0;
  if (((low >> 4) & ECN_MASK) === 0) return 0;
  u8[at + 1] = low | (ECN_MASK << 4);
  return 1;
}
