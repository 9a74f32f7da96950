import { errno } from '../../../uapi/errno.ts';
import { ETH_HLEN } from '../progs/frame.ts';
import { helper } from './helper.ts';

/** `struct bpf_fib_lookup`: its size, and offsets of what is read. */
const FIB_LOOKUP_SIZE = 64;
const FIB_FAMILY = 0;
const FIB_IFINDEX = 8;
/** BPF_FIB_LOOKUP_DIRECT, _OUTPUT, _SKIP_NEIGH, _TBID, _SRC, _MARK. */
const FIB_FLAGS = 0x3f;
const AF_INET = 2;
const AF_INET6 = 10;
const BPF_FIB_LKUP_RET_FWD_DISABLED = 5;

/** The way of a packet. There is no IP stack here, so no device forwards, which is the answer of Linux where none was told to. */
export const fib_lookup = helper({
  id: 69,
  name: 'fib_lookup',
  args: ['ctx', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, _context, params, size, flags) {
    if (size < FIB_LOOKUP_SIZE || flags > FIB_FLAGS) return -errno.EINVAL;
    const { dv, u8 } = env.memory;
    const family = u8[params + FIB_FAMILY];
    if (family !== AF_INET && family !== AF_INET6) return -errno.EAFNOSUPPORT;
    const device = env.machine.network.device(dv.getUint32(params + FIB_IFINDEX, true));
    return device === undefined ? -errno.ENODEV : BPF_FIB_LKUP_RET_FWD_DISABLED;
  },
});

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
  args: ['ctx', 'anything', 'inout_32', 'anything', 'u64'],
  returns: 'integer',
  call(env, _context, ifindex, length, difference, flags) {
    const { dv } = env.memory;
    const given = dv.getUint32(length, true);
    const { subject } = env;
    if (subject === undefined) return env.fail('this program has no packet to check');
    if (flags > (subject.kind === 'skb' ? BPF_MTU_CHK_SEGS : 0)) return -errno.EINVAL;
    if (flags === BPF_MTU_CHK_SEGS && (difference !== 0 || given !== 0)) return -errno.EINVAL;
    const mtu = env.machine.network.device(ifindex === 0 ? subject.ifindex : ifindex >>> 0)?.mtu;
    if (mtu === undefined) return -errno.ENODEV;
    dv.setUint32(length, mtu, true);
    const size = given === 0 ? subject.length : given + ETH_HLEN;
    return ((size + difference) | 0) <= mtu + ETH_HLEN ? BPF_MTU_CHK_RET_SUCCESS : BPF_MTU_CHK_RET_FRAG_NEEDED;
  },
});
