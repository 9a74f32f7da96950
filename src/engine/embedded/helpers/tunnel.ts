import { errno } from '../../../uapi/errno.ts';
import { helper } from './helper.ts';

/** `struct bpf_tunnel_key`: offset of each field, and how long it was before each of the later ones came. */
// biome-ignore format: aligned table
const KEY = { id: 0, remote: 4, tos: 20, ttl: 21, ext: 22, label: 24, local: 28 } as const;
const KEY_SIZE = 44;
const OLD_KEY_SIZES: readonly number[] = [8, KEY.ext, KEY.label, KEY.local + 4];
const ADDRESS_SIZE = 16;
const IPV4_SIZE = 4;

const BPF_F_TUNINFO_IPV6 = 1 << 0;
/** What bpf_skb_get_tunnel_key takes beside BPF_F_TUNINFO_IPV6: tunnel_ext shall hold the tunnel's flags. */
const BPF_F_TUNINFO_FLAGS = 1 << 4;
const BPF_F_ZERO_CSUM_TX = 1 << 1;
const BPF_F_DONT_FRAGMENT = 1 << 2;
const BPF_F_SEQ_NUMBER = 1 << 3;
const BPF_F_NO_TUNNEL_KEY = 1 << 4;
const SET_FLAGS = 0x1f;
/** Flags of a tunnel. Without the name of one: that the route is not cached, and that there are options of any kind of tunnel. */
const TUNNEL_CSUM = 1 << 0;
const TUNNEL_KEY = 1 << 2;
const TUNNEL_SEQ = 1 << 3;
const TUNNEL_DONT_FRAGMENT = 1 << 8;
const TUNNEL_NOCACHE = 1 << 13;
const TUNNEL_OPTIONS = 0xd800;
const MAX_OPTIONS = 255;
const FLOW_LABEL = 0xfffff;

/** Where the packet goes through a tunnel, or came from. -EINVAL, and zeros, for one that no tunnel has to do with. */
export const skb_get_tunnel_key = helper({
  id: 20,
  name: 'skb_get_tunnel_key',
  args: ['skb', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, skb, out, size, flags) {
    const { u8 } = env.memory;
    u8.fill(0, out, out + size);
    const { tunnel } = skb;
    if (tunnel === undefined || (flags & ~(BPF_F_TUNINFO_IPV6 | BPF_F_TUNINFO_FLAGS)) !== 0 || flags > 0xff)
      return -errno.EINVAL;
    if (tunnel.ipv6 !== ((flags & BPF_F_TUNINFO_IPV6) !== 0)) return -errno.EPROTO;
    if (size !== KEY_SIZE && (!OLD_KEY_SIZES.includes(size) || (size === OLD_KEY_SIZES[0] && tunnel.ipv6)))
      return -errno.EINVAL;
    const key = new Uint8Array(KEY_SIZE);
    const view = new DataView(key.buffer);
    view.setUint32(KEY.id, tunnel.id, true);
    // Of a packet that came in: what is local to its sender is remote here.
    key.set(tunnel.local, KEY.remote);
    key.set(tunnel.remote, KEY.local);
    key[KEY.tos] = tunnel.tos;
    key[KEY.ttl] = tunnel.ttl;

    if (flags & BPF_F_TUNINFO_FLAGS) view.setUint16(KEY.ext, tunnel.flags | (tunnel.options ? TUNNEL_OPTIONS : 0));
    view.setUint32(KEY.label, tunnel.label, true);
    u8.set(key.subarray(0, size), out);
    return 0;
  },
});

/** Says which way the packet shall go through a tunnel device. */
export const skb_set_tunnel_key = helper({
  id: 21,
  name: 'skb_set_tunnel_key',
  args: ['skb', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, skb, from, size, flags) {
    if (flags > SET_FLAGS || (size !== KEY_SIZE && !OLD_KEY_SIZES.includes(size))) return -errno.EINVAL;
    const key = new Uint8Array(KEY_SIZE);
    key.set(env.memory.u8.subarray(from, from + size));
    const view = new DataView(key.buffer);
    const ipv6 = (flags & BPF_F_TUNINFO_IPV6) !== 0;
    const label = view.getUint32(KEY.label, true);
    if ((!ipv6 && label !== 0) || view.getUint16(KEY.ext, true) !== 0) return -errno.EINVAL;
    const address = (at: number) => key.slice(at, at + (ipv6 ? ADDRESS_SIZE : IPV4_SIZE));
    skb.tunnel = {
      ipv6,
      flags: tunnelFlags(flags),
      id: view.getUint32(KEY.id, true),
      tos: key[KEY.tos] ?? 0,
      ttl: key[KEY.ttl] ?? 0,
      label: label & FLOW_LABEL,
      local: address(KEY.local),
      remote: address(KEY.remote),
      options: undefined,
    };
    return 0;
  },
});

function tunnelFlags(flags: number): number {
  return (
    TUNNEL_NOCACHE |
    (flags & BPF_F_ZERO_CSUM_TX ? 0 : TUNNEL_CSUM) |
    (flags & BPF_F_DONT_FRAGMENT ? TUNNEL_DONT_FRAGMENT : 0) |
    (flags & BPF_F_SEQ_NUMBER ? TUNNEL_SEQ : 0) |
    (flags & BPF_F_NO_TUNNEL_KEY ? 0 : TUNNEL_KEY)
  );
}

/** The result is the length of the options, -ENOENT for none, -ENOMEM where they do not fit; what they do not fill is zeroed. */
export const skb_get_tunnel_opt = helper({
  id: 29,
  name: 'skb_get_tunnel_opt',
  args: ['skb', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, skb, out, size) {
    const { u8 } = env.memory;
    u8.fill(0, out, out + size);
    const options = skb.tunnel?.options;
    if (options === undefined) return -errno.ENOENT;
    if (size < options.length) return -errno.ENOMEM;
    u8.set(options, out);
    return options.length;
  },
});

/** Only after bpf_skb_set_tunnel_key. */
export const skb_set_tunnel_opt = helper({
  id: 30,
  name: 'skb_set_tunnel_opt',
  args: ['skb', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, skb, from, size) {
    if (skb.tunnel === undefined || size % 4 !== 0) return -errno.EINVAL;
    if (size > MAX_OPTIONS) return -errno.ENOMEM;
    skb.tunnel = { ...skb.tunnel, options: env.memory.u8.slice(from, from + size) };
    return 0;
  },
});

/** No packet here came through IPsec: -EINVAL, and zeros. */
export const skb_get_xfrm_state = helper({
  id: 66,
  name: 'skb_get_xfrm_state',
  args: ['skb', 'anything', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, _skb, _index, out, size) {
    env.memory.u8.fill(0, out, out + size);
    return -errno.EINVAL;
  },
});
