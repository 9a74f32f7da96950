import { errno } from '../../../uapi/errno.ts';
import { kfunc } from './kfunc.ts';

/** Work in the value of a map is a timer that fires at once: when time is looked at next, after the program that starts it. */
export const bpf_wq_init = kfunc('int bpf_wq_init(struct bpf_wq *wq, void *p__map, unsigned int flags)', {
  args: ['wq', 'const_map_ptr', 'anything'],
  returns: 'integer',
  call(env, wq, map, flags) {
    const { machine } = env;
    const field = machine.fieldAt(wq, 'wq');
    if (flags !== 0) return -errno.EINVAL;
    if (field === undefined || field.map !== map) return env.fail('R2 of the call is not the map of the work');
    return machine.mapTimers.init(wq, map, field.value, 'since boot');
  },
});

export const bpf_wq_set_callback_impl = kfunc(
  'int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*callback_fn)(void *map, int *key, void *value), unsigned int flags, void *aux__prog)',
  {
    args: ['wq', 'func', 'anything'],
    returns: 'integer',
    call: ({ machine, program }, wq, func, flags) =>
      flags !== 0 || program === undefined ? -errno.EINVAL : machine.mapTimers.setCallback(wq, program, func),
  },
);

export const bpf_wq_start = kfunc('int bpf_wq_start(struct bpf_wq *wq, unsigned int flags)', {
  args: ['wq', 'anything'],
  returns: 'integer',
  call: ({ machine }, wq, flags) => (flags !== 0 ? -errno.EINVAL : machine.mapTimers.start(wq, 0n, false)),
});
