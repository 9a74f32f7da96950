import { errno } from '../../../uapi/errno.ts';
import { kfunc } from './kfunc.ts';

/** Brings the first bytes of a frame out of its fragments, to where the program can read them. */
export const bpf_xdp_pull_data = kfunc('int bpf_xdp_pull_data(struct xdp_md *x, u32 len)', {
  args: ['xdp', 'anything'],
  returns: 'integer',
  call: (_env, xdp, length) => (xdp.pull(length >>> 0) ? 0 : -errno.EINVAL),
});
