import { errno } from '../../../uapi/errno.ts';
import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import { swap16 } from '../interp/arith.ts';
import { ETH_HLEN } from '../progs/frame.ts';
import type { Skb } from '../progs/skb.ts';
import { helper } from './helper.ts';

/** The longest packet that helpers make: four pages without what the kernel keeps behind them. Bytes. */
const MAX_LENGTH = 4 * 4096 - 320;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

const BPF_ADJ_ROOM_NET = 0;
const BPF_ADJ_ROOM_MAC = 1;
const BPF_F_ADJ_ROOM_FIXED_GSO = 1 << 0;
const BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 = 1 << 1;
const BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 = 1 << 2;
const BPF_F_ADJ_ROOM_ENCAP_L4_GRE = 1 << 3;
const BPF_F_ADJ_ROOM_ENCAP_L4_UDP = 1 << 4;
const BPF_F_ADJ_ROOM_NO_CSUM_RESET = 1 << 5;
const BPF_F_ADJ_ROOM_ENCAP_L2_ETH = 1 << 6;
const BPF_F_ADJ_ROOM_DECAP_L3_IPV4 = 1 << 7;
const BPF_F_ADJ_ROOM_DECAP_L3_IPV6 = 1 << 8;
const ENCAP_L3 = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
const ENCAP_L4 = BPF_F_ADJ_ROOM_ENCAP_L4_GRE | BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
const DECAP_L3 = BPF_F_ADJ_ROOM_DECAP_L3_IPV4 | BPF_F_ADJ_ROOM_DECAP_L3_IPV6;
const SHRINK_FLAGS = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET | DECAP_L3;
const FLAGS = 0x1ff;
/** In the high word of the flags: how long the link header inside is. */
const INNER_LINK_SHIFT = 24;
const MAX_DIFFERENCE = 0xfff;

/** Makes room for the longer header of IPv6 before the packet, or takes it away for IPv4's; the program writes the header. */
export const skb_change_proto = helper({
  id: 31,
  name: 'skb_change_proto',
  args: ['skb', 'anything', 'u64'],
  returns: 'integer',
  call(_env, skb, protocol, flags) {
    if (flags !== 0) return -errno.EINVAL;
    const to = swap16(protocol & 0xffff);
    const growth = IPV6_HEADER - IPV4_HEADER;
    let changed: number;
    if (skb.protocol === ETH_P_IP && to === ETH_P_IPV6) changed = grow(skb, linkLength(skb), growth);
    else if (skb.protocol === ETH_P_IPV6 && to === ETH_P_IP) changed = shrink(skb, linkLength(skb), growth);
    else return -errno.ENOTSUPP;
    if (changed !== 0) return changed;
    skb.protocol = to;
    skb.hash = 0;
    skb.publish();
    return 0;
  },
});

/** Cuts the packet, or lengthens it with zeros. Nothing shorter than its headers. */
export const skb_change_tail = helper({
  id: 38,
  name: 'skb_change_tail',
  args: ['skb', 'anything', 'u64'],
  returns: 'integer',
  call(_env, skb, wanted, flags) {
    const length = wanted >>> 0;
    if (flags !== 0 || length > MAX_LENGTH || length < skb.network - skb.data) return -errno.EINVAL;
    if (skb.encapsulated) return -errno.ENOTSUPP;
    const changed =
      length > skb.length ? grow(skb, skb.length, length - skb.length) : shrink(skb, length, skb.length - length);
    skb.publish();
    return changed;
  },
});

/** Makes room before the packet, for another link header. */
export const skb_change_head = helper({
  id: 43,
  name: 'skb_change_head',
  args: ['skb', 'anything', 'u64'],
  returns: 'integer',
  call(_env, skb, room, flags) {
    const growth = room >>> 0;
    if (flags !== 0 || skb.length + growth > MAX_LENGTH) return -errno.EINVAL;
    if (!skb.splice(0, 0, growth)) return -errno.ENOMEM;
    skb.network += growth;
    skb.publish();
    return 0;
  },
});

/** Makes or takes room behind the link header or behind the IP header. */
export const skb_adjust_room = helper({
  id: 50,
  name: 'skb_adjust_room',
  args: ['skb', 'anything', 'anything', 'wide'],
  returns: 'integer',
  call(_env, skb, difference, mode, { low: flags, high }) {
    const innerLink = high >>> INNER_LINK_SHIFT;
    if ((flags & ~FLAGS) !== 0 || (high & ~(0xff << INNER_LINK_SHIFT)) !== 0) return -errno.EINVAL;
    const size = Math.abs(difference);
    if (size > MAX_DIFFERENCE) return -errno.EFAULT;
    if (skb.protocol !== ETH_P_IP && skb.protocol !== ETH_P_IPV6) return -errno.ENOTSUPP;
    if (mode !== BPF_ADJ_ROOM_NET && mode !== BPF_ADJ_ROOM_MAC) return -errno.ENOTSUPP;
    const header = skb.protocol === ETH_P_IP ? IPV4_HEADER : IPV6_HEADER;
    const offset = linkLength(skb) + (mode === BPF_ADJ_ROOM_NET ? header : 0);
    if (flags & DECAP_L3 && (difference >= 0 || (flags & DECAP_L3) === DECAP_L3)) return -errno.EINVAL;
    const changed =
      difference < 0
        ? decapsulate(skb, offset, size, flags, innerLink)
        : encapsulate(skb, offset, size, flags, innerLink);
    if (changed === 0 && (flags & BPF_F_ADJ_ROOM_NO_CSUM_RESET) === 0) skb.csumLevel = -1;
    skb.publish();
    return changed;
  },
});

function encapsulate(skb: Skb, offset: number, size: number, flags: number, innerLink: number): number {
  if (skb.length + size > MAX_LENGTH) return -errno.ENOTSUPP;
  const encap = flags & ENCAP_L3;
  if (encap) {
    if (encap === ENCAP_L3 || (flags & ENCAP_L4) === ENCAP_L4) return -errno.EINVAL;
    if (skb.encapsulated) return -errno.EALREADY;
    if (innerLink > size || (flags & BPF_F_ADJ_ROOM_ENCAP_L2_ETH && innerLink < ETH_HLEN)) return -errno.EINVAL;
  }
  const grown = grow(skb, offset, size);
  if (grown === 0 && encap) {
    skb.encapsulated = true;
    skb.protocol = encap === BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 ? ETH_P_IPV6 : ETH_P_IP;
  }
  return grown;
}

function decapsulate(skb: Skb, offset: number, size: number, flags: number, innerLink: number): number {
  const decap = flags & DECAP_L3;
  const to = decap === BPF_F_ADJ_ROOM_DECAP_L3_IPV4 ? ETH_P_IP : decap === 0 ? skb.protocol : ETH_P_IPV6;
  const left = skb.end - skb.network - size;
  if (left <= 0 || left < (to === ETH_P_IP ? IPV4_HEADER : IPV6_HEADER)) return -errno.ENOTSUPP;
  if (flags & ~SHRINK_FLAGS || innerLink !== 0) return -errno.EINVAL;
  const shrunk = shrink(skb, offset, size);
  if (shrunk === 0) skb.protocol = to;
  return shrunk;
}

function linkLength(skb: Skb): number {
  return skb.network - skb.mac;
}

function grow(skb: Skb, offset: number, size: number): number {
  return skb.splice(offset, 0, size) ? 0 : -errno.ENOMEM;
}

function shrink(skb: Skb, offset: number, size: number): number {
  if (offset + size > skb.length) return -errno.ENOMEM;
  skb.splice(offset, size, 0);
  return 0;
}
