import { errno } from '../../../uapi/errno.ts';
import type { ProbeHit } from '../trace/trace-point.ts';
import { answer64, type HelperEnv, helper } from './helper.ts';

const WORD = 8;

function hit({ subject }: HelperEnv): ProbeHit | undefined {
  return subject?.kind === 'probe' ? subject : undefined;
}

/** The n-th argument of the function, counted from 0. */
export const get_func_arg = helper({
  id: 183,
  name: 'get_func_arg',
  args: ['ctx', 'wide', 'out_64'],
  returns: 'integer',
  call(env, context, n, out) {
    const count = hit(env)?.args ?? 0;
    if (n.high !== 0 || n.low >>> 0 >= count) return -errno.EINVAL;
    env.memory.u8.copyWithin(out, context + WORD * n.low, context + WORD * (n.low + 1));
    return 0;
  },
});

/** What the function returns, for programs that run in its place or after it. */
export const get_func_ret = helper({
  id: 184,
  name: 'get_func_ret',
  args: ['ctx', 'out_64'],
  returns: 'integer',
  call(env, context, out) {
    const called = hit(env);
    if (called?.returns !== true) return -errno.EOPNOTSUPP;
    env.memory.u8.copyWithin(out, context + WORD * called.args, context + WORD * (called.args + 1));
    return 0;
  },
});

export const get_func_arg_cnt = helper({
  id: 185,
  name: 'get_func_arg_cnt',
  args: ['ctx'],
  returns: 'u64',
  call: (env) => answer64(env, BigInt(hit(env)?.args ?? 0)),
});
