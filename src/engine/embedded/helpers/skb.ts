import { errno } from '../../../uapi/errno.ts';
import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import { SK_BUFF } from '../progs/skb.ts';
import { helper } from './helper.ts';

export const BPF_F_RECOMPUTE_CSUM = 1 << 0;
export const BPF_F_INVALIDATE_HASH = 1 << 1;
const BPF_HDR_START_MAC = 0;
const BPF_HDR_START_NET = 1;

export const skb_store_bytes = helper({
  id: 9,
  name: 'skb_store_bytes',
  args: ['skb', 'anything', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, skb, offset, from, size, flags) {
    if (flags > (BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH)) return -errno.EINVAL;
    const to = offset < 0 || offset > 0x7fff_ffff - size ? -1 : skb.at(offset, size);
    if (to < 0) return -errno.EFAULT;
    env.memory.copy(to, from, size);
    skb.linear = Math.max(skb.linear, offset + size);
    if (flags & BPF_F_INVALIDATE_HASH) skb.hash = 0;
    skb.publish();
    return 0;
  },
});

export const skb_load_bytes = helper({
  id: 26,
  name: 'skb_load_bytes',
  args: ['skb', 'anything', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, skb, offset, to, size) {
    return load(env.memory.u8, skb.at(offset, size), to, size);
  },
});

/** As skb_load_bytes, counting from the link (0) or the network header (1). */
export const skb_load_bytes_relative = helper({
  id: 68,
  name: 'skb_load_bytes_relative',
  args: ['skb', 'anything', 'mem', 'mem_size', 'anything'],
  returns: 'integer',
  call(env, skb, offset, to, size, start) {
    const header = start === BPF_HDR_START_MAC ? skb.mac : start === BPF_HDR_START_NET ? skb.network : -1;
    const inside = header >= 0 && offset >= 0 && header + offset + size <= skb.end;
    return load(env.memory.u8, inside ? header + offset : -1, to, size);
  },
});

/** On failure the target is zeroed, so that the program never sees what was there. */
function load(bytes: Uint8Array, from: number, to: number, size: number): number {
  if (from < 0) {
    bytes.fill(0, to, to + size);
    return -errno.EFAULT;
  }
  bytes.copyWithin(to, from, from + size);
  return 0;
}

/** Packets here are in one piece; what is not shown of them before is from then on. */
export const skb_pull_data = helper({
  id: 39,
  name: 'skb_pull_data',
  args: ['skb', 'anything'],
  returns: 'integer',
  call(_env, skb, length) {
    if (length >>> 0 > skb.length) return -errno.ENOMEM;
    skb.linear = Math.max(skb.linear, length >>> 0);
    skb.publish();
    return 0;
  },
});

export const get_hash_recalc = helper({
  id: 34,
  name: 'get_hash_recalc',
  args: ['skb'],
  returns: 'u32',
  call(_env, skb) {
    const hash = skb.flowHash();
    skb.set('hash', hash);
    return hash;
  },
});

export const set_hash_invalid = helper({
  id: 41,
  name: 'set_hash_invalid',
  args: ['skb'],
  returns: 'integer',
  call(_env, skb) {
    skb.hash = 0;
    skb.set('hash', 0);
    return 0;
  },
});

export const set_hash = helper({
  id: 48,
  name: 'set_hash',
  args: ['skb', 'anything'],
  returns: 'integer',
  call(_env, skb, hash) {
    skb.hash = hash >>> 0;
    skb.set('hash', skb.hash);
    return 0;
  },
});

/** Packets that no socket here sent have the class of no cgroup. Programs of other types than tc ask for the running task's, without an argument. */
export const get_cgroup_classid = helper({
  id: 17,
  name: 'get_cgroup_classid',
  args: [],
  returns: 'integer',
  call: () => 0,
});

export const get_route_realm = helper({
  id: 24,
  name: 'get_route_realm',
  args: ['skb'],
  returns: 'integer',
  call: () => 0,
});

export const skb_change_type = helper({
  id: 32,
  name: 'skb_change_type',
  args: ['skb', 'anything'],
  returns: 'integer',
  call(_env, skb, type) {
    // Only among the types of received packets: host, broadcast, multicast, other host.
    if (type < 0 || type > 3) return -errno.EINVAL;
    skb.pktType = type;
    skb.set('pkt_type', type);
    return 0;
  },
});

/** The types of timestamps that a program can set. */
const BPF_SKB_CLOCK_REALTIME = 0;
const BPF_SKB_CLOCK_TAI = 2;

/** When the packet shall leave, by which clock. Only for IP. */
export const skb_set_tstamp = helper({
  id: 192,
  name: 'skb_set_tstamp',
  args: ['skb', 'wide', 'anything'],
  returns: 'integer',
  call(env, skb, time, type) {
    if (skb.protocol !== ETH_P_IP && skb.protocol !== ETH_P_IPV6) return -errno.EOPNOTSUPP;
    if (type < BPF_SKB_CLOCK_REALTIME || type > BPF_SKB_CLOCK_TAI) return -errno.EINVAL;
    if (type !== BPF_SKB_CLOCK_REALTIME && time.low === 0 && time.high === 0) return -errno.EINVAL;
    const view = env.memory.dv;
    view.setInt32(skb.context + SK_BUFF.tstamp, time.low, true);
    view.setInt32(skb.context + SK_BUFF.tstamp + 4, time.high, true);
    view.setUint8(skb.context + SK_BUFF.tstamp_type, type);
    return 0;
  },
});
