import { errno } from '../../../uapi/errno.ts';
import { helper } from './helper.ts';

export const xdp_adjust_head = helper({
  id: 44,
  name: 'xdp_adjust_head',
  args: ['xdp', 'anything'],
  returns: 'integer',
  call: (_env, xdp, delta) => (xdp.adjustHead(delta) ? 0 : -errno.EINVAL),
});

export const xdp_adjust_meta = helper({
  id: 54,
  name: 'xdp_adjust_meta',
  args: ['xdp', 'anything'],
  returns: 'integer',
  call: (_env, xdp, delta) => (xdp.adjustMeta(delta) ? 0 : -errno.EINVAL),
});

export const xdp_adjust_tail = helper({
  id: 65,
  name: 'xdp_adjust_tail',
  args: ['xdp', 'anything'],
  returns: 'integer',
  call: (_env, xdp, delta) => (xdp.adjustTail(delta) ? 0 : -errno.EINVAL),
});

export const xdp_get_buff_len = helper({
  id: 188,
  name: 'xdp_get_buff_len',
  args: ['xdp'],
  returns: 'u32',
  call: (_env, xdp) => xdp.length + xdp.fragments.length,
});

export const xdp_load_bytes = helper({
  id: 189,
  name: 'xdp_load_bytes',
  args: ['xdp', 'anything', 'mem', 'mem_size'],
  returns: 'integer',
  call: (_env, xdp, offset, to, size) => (xdp.copy(offset, size, to, false) ? 0 : -errno.EINVAL),
});

export const xdp_store_bytes = helper({
  id: 190,
  name: 'xdp_store_bytes',
  args: ['xdp', 'anything', 'mem', 'mem_size'],
  returns: 'integer',
  call: (_env, xdp, offset, from, size) => (xdp.copy(offset, size, from, true) ? 0 : -errno.EINVAL),
});
