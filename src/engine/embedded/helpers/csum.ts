import { errno } from '../../../uapi/errno.ts';
import { helper, type Wide } from './helper.ts';

/** Of the flags: bytes of the value. */
export const BPF_F_HDR_FIELD_MASK = 0xf;
const BPF_F_PSEUDO_HDR = 1 << 4;
export const BPF_F_MARK_MANGLED_0 = 1 << 5;
export const BPF_F_MARK_ENFORCE = 1 << 6;
const BPF_F_IPV6 = 1 << 7;
/** All that bpf_l4_csum_replace knows. */
export const L4_FLAGS =
  BPF_F_HDR_FIELD_MASK | BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_IPV6;

/** Replaces a 2- or 4-byte value that the IPv4 header's checksum at `offset` covers; size 0: `to` is a difference by csum_diff. */
export const l3_csum_replace = helper({
  id: 10,
  name: 'l3_csum_replace',
  args: ['skb', 'anything', 'wide', 'wide', 'u64'],
  returns: 'integer',
  call(env, skb, offset, from, to, flags) {
    if (flags > BPF_F_HDR_FIELD_MASK) return -errno.EINVAL;
    if (offset < 0 || offset > 0xffff || offset & 1) return -errno.EFAULT;
    const at = skb.at(offset, 2);
    if (at < 0) return -errno.EFAULT;
    const difference = replaced(flags & BPF_F_HDR_FIELD_MASK, from, to);
    if (difference === undefined) return -errno.EINVAL;
    const view = env.memory.dv;
    view.setUint16(at, adjust(view.getUint16(at, true), difference), true);
    return 0;
  },
});

/** As l3_csum_replace, for the checksum of TCP, UDP or ICMP. */
export const l4_csum_replace = helper({
  id: 11,
  name: 'l4_csum_replace',
  args: ['skb', 'anything', 'wide', 'wide', 'u64'],
  returns: 'integer',
  call(env, skb, offset, from, to, flags) {
    if (flags > L4_FLAGS || (flags & ~L4_FLAGS) !== 0) return -errno.EINVAL;
    if (offset < 0 || offset > 0xffff || offset & 1) return -errno.EFAULT;
    const at = skb.at(offset, 2);
    if (at < 0) return -errno.EFAULT;
    const view = env.memory.dv;
    const sum = view.getUint16(at, true);
    const mangled = (flags & BPF_F_MARK_MANGLED_0) !== 0;
    // A UDP checksum of 0 says that there is none, and stays so.
    if (mangled && (flags & BPF_F_MARK_ENFORCE) === 0 && sum === 0) return 0;
    const difference = replaced(flags & BPF_F_HDR_FIELD_MASK, from, to);
    if (difference === undefined) return -errno.EINVAL;
    const adjusted = adjust(sum, difference);
    view.setUint16(at, mangled && adjusted === 0 ? 0xffff : adjusted, true);
    return 0;
  },
});

/** The difference that replacing the bytes at `from` by those at `to` makes to a checksum, folded to 16 bits; `seed` is added. */
export const csum_diff = helper({
  id: 28,
  name: 'csum_diff',
  args: ['mem_or_null', 'mem_size', 'mem_or_null', 'mem_size', 'anything'],
  returns: 'integer',
  call(env, from, fromSize, to, toSize, seed) {
    const { dv } = env.memory;
    if (fromSize === 0) return fold(sum32(dv, to, toSize, seed >>> 0));
    if (toSize === 0) return fold(~sum32(dv, from, fromSize, ~seed >>> 0) >>> 0);
    return fold(add(sum32(dv, to, toSize, seed >>> 0), ~sum32(dv, from, fromSize, 0) >>> 0));
  },
});

/** Adds to the checksum of the whole packet, which this kernel does not keep: always the answer of a packet without one. */
export const csum_update = helper({
  id: 40,
  name: 'csum_update',
  args: ['skb', 'anything'],
  returns: 'integer',
  call: () => -errno.ENOTSUPP,
});

const BPF_CSUM_LEVEL_QUERY = 0;
const BPF_CSUM_LEVEL_INC = 1;
const BPF_CSUM_LEVEL_DEC = 2;
const BPF_CSUM_LEVEL_RESET = 3;
const MAX_CSUM_LEVEL = 3;

/** How many checksums, one in the other, need no check. A query where none was checked is -EACCES. */
export const csum_level = helper({
  id: 135,
  name: 'csum_level',
  args: ['skb', 'u64'],
  returns: 'integer',
  call(_env, skb, what) {
    switch (what) {
      case BPF_CSUM_LEVEL_QUERY:
        return skb.csumLevel < 0 ? -errno.EACCES : skb.csumLevel;
      case BPF_CSUM_LEVEL_INC:
        skb.csumLevel = Math.min(skb.csumLevel + 1, MAX_CSUM_LEVEL);
        return 0;
      case BPF_CSUM_LEVEL_DEC:
        skb.csumLevel = Math.max(skb.csumLevel - 1, -1);
        return 0;
      case BPF_CSUM_LEVEL_RESET:
        skb.csumLevel = -1;
        return 0;
      default:
        return -errno.EINVAL;
    }
  },
});

/** One's complement difference of a field of `size` bytes that changes from `from` to `to`; `undefined` for a size that there is not. */
function replaced(size: number, from: Wide, to: Wide): number | undefined {
  switch (size) {
    case 0:
      return from.low === 0 && from.high === 0 ? to.low >>> 0 : undefined;
    case 2:
      return (~from.low & 0xffff) + (to.low & 0xffff);
    case 4:
      return add(~from.low >>> 0, to.low >>> 0);
    default:
      return undefined;
  }
}

/** The checksum field `sum` after what it covers changed by `difference`. */
function adjust(sum: number, difference: number): number {
  return ~fold(add(~sum & 0xffff, difference >>> 0)) & 0xffff;
}

/** One's complement addition of 32-bit words: 0 only of zeros. */
function add(a: number, b: number): number {
  const sum = a + b;
  return sum > 0xffffffff ? sum - 0xffffffff : sum;
}

/** The sum of words, of which the last may be short, and `seed`. */
function sum32(view: DataView, at: number, size: number, seed: number): number {
  let sum = seed;
  let i = 0;
  for (; i + 3 < size; i += 4) sum = add(sum, view.getUint32(at + i, true));
  for (let shift = 0; i < size; i++, shift += 8) sum = add(sum, (view.getUint8(at + i) << shift) >>> 0);
  return sum;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}
