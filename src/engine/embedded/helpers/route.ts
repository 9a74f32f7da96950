import { errno } from '../../../uapi/errno.ts';
import { ETH_HLEN } from '../progs/frame.ts';
import { helper, packetOf } from './helper.ts';

const BPF_MTU_CHK_SEGS = 1;
const BPF_MTU_CHK_RET_SUCCESS = 0;
const BPF_MTU_CHK_RET_FRAG_NEEDED = 1;

/**
 * Whether the packet, longer by `difference`, fits through a device (0: the one that it is on). `length` holds a length to ask about instead of the packet's, 0
 * for none, and gets the MTU; both count from the IP header on.
 */
export const check_mtu = helper({
  id: 163,
  name: 'check_mtu',
  gplOnly: true,
  args: ['ctx', 'anything', 'inout_32', 'anything', 'u64'],
  returns: 'integer',
  call(env, _context, ifindex, length, difference, flags) {
    const { dv } = env.memory;
    const given = dv.getUint32(length, true);
    const packet = packetOf(env);
    if (packet === undefined) return env.fail('this program has no packet to check');
    if (flags > (packet.kind === 'skb' ? BPF_MTU_CHK_SEGS : 0)) return -errno.EINVAL;
    if (flags === BPF_MTU_CHK_SEGS && (difference !== 0 || given !== 0)) return -errno.EINVAL;
    const mtu = packet.netns.device(ifindex === 0 ? packet.ifindex : ifindex >>> 0)?.mtu;
    if (mtu === undefined) return -errno.ENODEV;
    dv.setUint32(length, mtu, true);
    const size = given === 0 ? packet.length : given + ETH_HLEN;
    return ((size + difference) | 0) <= mtu + ETH_HLEN ? BPF_MTU_CHK_RET_SUCCESS : BPF_MTU_CHK_RET_FRAG_NEEDED;
  },
});
