import { TC_ACT_REDIRECT, TC_ACT_SHOT } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { XDP_ABORTED, XDP_REDIRECT } from '../../../uapi/xdp.ts';
import { AF_INET } from '../inet/address.ts';
import { RedirectMap } from '../maps/redirect-map.ts';
import { BPF_F_INGRESS, type Redirect } from '../progs/frame.ts';
import { type HelperEnv, helper } from './helper.ts';

/** Says where the packet shall go; the program returns the result as its verdict. */
export const redirect = helper({
  id: 23,
  name: 'redirect',
  args: ['anything', 'u64'],
  returns: 'integer',
  call(env, ifindex, flags) {
    const { subject } = env;
    switch (subject?.kind) {
      case 'skb':
        if (flags > BPF_F_INGRESS) return TC_ACT_SHOT;
        subject.redirect = { ifindex: ifindex >>> 0, to: flags === BPF_F_INGRESS ? 'ingress' : 'egress' };
        return TC_ACT_REDIRECT;
      case 'xdp':
        if (flags !== 0) return XDP_ABORTED;
        subject.hops = [{ kind: 'device', ifindex: ifindex >>> 0, prog: undefined }];
        return XDP_REDIRECT;
      default:
        return env.fail('this program has no packet to redirect');
    }
  },
});

/** Into the ingress of the other end of a veth, which has to be in another network namespace. */
export const redirect_peer = helper({
  id: 155,
  name: 'redirect_peer',
  args: ['anything', 'u64'],
  returns: 'integer',
  call: (env, ifindex, flags) => (flags === 0 ? redirectTo(env, { ifindex: ifindex >>> 0, to: 'peer' }) : TC_ACT_SHOT),
});

/** `struct bpf_redir_neigh`: its size, and where its address is. */
const REDIR_NEIGH_SIZE = 20;
const REDIR_NEIGH_ADDRESS = 4;

/** Out of a device to a neighbour, by its IP address or, without one, by the way that the packet would go. */
export const redirect_neigh = helper({
  id: 152,
  name: 'redirect_neigh',
  args: ['anything', 'mem_or_null', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, ifindex, params, size, flags) {
    if (flags !== 0 || (size !== 0 && size < REDIR_NEIGH_SIZE)) return TC_ACT_SHOT;
    const { dv, u8 } = env.memory;
    const length = size === 0 ? 0 : dv.getUint32(params, true) === AF_INET ? 4 : 16;
    const at = params + REDIR_NEIGH_ADDRESS;
    const nextHop = size === 0 ? undefined : u8.slice(at, at + length);
    return redirectTo(env, { ifindex: ifindex >>> 0, to: 'neighbour', nextHop });
  },
});

function redirectTo({ subject }: HelperEnv, redirect: Redirect): number {
  if (subject?.kind === 'skb') subject.redirect = redirect;
  return TC_ACT_REDIRECT;
}

/** Sends a copy of the packet to a device now. -EINVAL where there is no such device. */
export const clone_redirect = helper({
  id: 13,
  name: 'clone_redirect',
  args: ['skb', 'anything', 'u64'],
  returns: 'integer',
  call(env, skb, ifindex, flags) {
    if (flags > BPF_F_INGRESS) return -errno.EINVAL;
    const device = skb.netns.device(ifindex >>> 0);
    if (device === undefined) return -errno.EINVAL;
    env.machine.traffic.forward(device, flags === BPF_F_INGRESS ? 'ingress' : 'egress', skb.frame());
    return 0;
  },
});

/** The low bits of the flags: what the program returns where the map has nothing. */
export const ON_MISS = 3;

/** As `redirect`, to what a map says: a device, all devices, another CPU. */
export const redirect_map = helper({
  id: 51,
  name: 'redirect_map',
  args: ['const_map_ptr', 'u64', 'u64'],
  returns: 'integer',
  call(env, map, index, flags) {
    const { subject } = env;
    if (subject?.kind !== 'xdp') return env.fail('this program has no frame to redirect');
    if (!(map instanceof RedirectMap)) return env.fail('R1 of the call is no map to redirect to');
    if ((flags & ~(ON_MISS | map.redirectFlags)) !== 0) return XDP_ABORTED;
    const hops = map.hops(index, flags, subject.ifindex);
    if (hops === undefined) return flags & ON_MISS;
    subject.hops = hops;
    return XDP_REDIRECT;
  },
});
