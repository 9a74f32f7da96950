import { errno } from '../../../uapi/errno.ts';
import { helper } from './helper.ts';

export const BPF_MAX_LOOPS = 8 * 1024 * 1024;

/** The result is how often `func` was called: it ends the loop by returning 1. */
export const loop = helper({
  id: 181,
  name: 'loop',
  args: ['anything', 'func', 'callback_ctx', 'u64'],
  returns: 'integer',
  call(env, times, func, context, flags) {
    const count = times >>> 0;
    if (flags !== 0) return -errno.EINVAL;
    if (count > BPF_MAX_LOOPS) return -errno.E2BIG;
    for (let i = 0; i < count; i++) if (env.callback(func, context, i) !== 0) return i + 1;
    return count;
  },
});

/** The result is the number of elements that were visited. */
export const for_each_map_elem = helper({
  id: 164,
  name: 'for_each_map_elem',
  args: ['const_map_ptr', 'func', 'callback_ctx', 'u64'],
  returns: 'integer',
  call(env, map, func, context, flags) {
    if (flags !== 0) return -errno.EINVAL;
    let count = 0;
    const visited = map.forEach?.(env.scratch, (key, value) => {
      count++;
      return env.callback(func, context, map.address, key, value) === 0 && env.fault === undefined;
    });
    return visited === undefined ? env.fail('R1 of the call is a map of a type that cannot be walked') : count;
  },
});
