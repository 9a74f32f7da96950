import { errno } from '../../../uapi/errno.ts';
import { helper } from './helper.ts';

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;
const BPF_F_TIMER_ABS = 1;
const BPF_F_TIMER_CPU_PIN = 2;

/** `flags` is the number of a clock. */
export const timer_init = helper({
  id: 169,
  name: 'timer_init',
  gplOnly: true,
  args: ['timer', 'const_map_ptr', 'u64'],
  returns: 'integer',
  call(env, address, map, flags) {
    if (flags !== CLOCK_REALTIME && flags !== CLOCK_MONOTONIC && flags !== CLOCK_BOOTTIME) return -errno.EINVAL;
    const value = map.valueAround(address);
    if (value === 0 || map.copier.at(address - value)?.kind !== 'timer')
      return env.fail('R1 of the call is no bpf_timer in a value of the map in R2');
    return env.machine.mapTimers.init(address, map, value, flags === CLOCK_REALTIME ? 'real time' : 'since boot');
  },
});

export const timer_set_callback = helper({
  id: 170,
  name: 'timer_set_callback',
  gplOnly: true,
  args: ['timer', 'func'],
  returns: 'integer',
  call: (env, address, func) =>
    env.program === undefined
      ? env.fail('code that was not loaded has no timers')
      : env.machine.mapTimers.setCallback(address, env.program, func),
});

export const timer_start = helper({
  id: 171,
  name: 'timer_start',
  gplOnly: true,
  args: ['timer', 'wide', 'u64'],
  returns: 'integer',
  call(env, address, { low, high }, flags) {
    if (flags > (BPF_F_TIMER_ABS | BPF_F_TIMER_CPU_PIN)) return -errno.EINVAL;
    const ns = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    return env.machine.mapTimers.start(address, ns, (flags & BPF_F_TIMER_ABS) !== 0);
  },
});

export const timer_cancel = helper({
  id: 172,
  name: 'timer_cancel',
  gplOnly: true,
  args: ['timer'],
  returns: 'integer',
  call: (env, address) => env.machine.mapTimers.cancel(address),
});
