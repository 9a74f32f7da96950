import { answer64, helper } from './helper.ts';

/** What whoever attached the program gave: 0 where nothing was said. */
export const get_attach_cookie = helper({
  id: 174,
  name: 'get_attach_cookie',
  args: ['ctx'],
  returns: 'u64',
  call: (env) => answer64(env, env.subject?.kind === 'probe' ? env.subject.cookie : 0n),
});

/** The address of the function that a kprobe is on; 0 elsewhere. */
export const get_func_ip = helper({
  id: 173,
  name: 'get_func_ip',
  gplOnly: true,
  args: ['ctx'],
  returns: 'u64',
  call: (env) => answer64(env, env.subject?.kind === 'probe' ? env.subject.functionAddress : 0n),
});
