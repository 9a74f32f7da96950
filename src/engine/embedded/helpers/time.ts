import type { Clock } from '../clock.ts';
import { type HelperEnv, helper } from './helper.ts';

/** Of CONFIG_HZ=250. */
const NS_PER_TICK = 4_000_000;

/** CLOCK_MONOTONIC. The embedded machine never sleeps, so it is also the time since boot. */
const now = (env: HelperEnv): number => words(env, env.machine.clock, 1);

function words(env: HelperEnv, clock: Clock, unit: number): number {
  const low = clock.low(unit);
  env.resultHigh = clock.high;
  return low;
}

export const ktime_get_ns = helper({
  id: 5,
  name: 'ktime_get_ns',
  args: [],
  returns: 'u64',
  call: now,
});

export const ktime_get_boot_ns = helper({ id: 125, name: 'ktime_get_boot_ns', args: [], returns: 'u64', call: now });

export const ktime_get_coarse_ns = helper({
  id: 160,
  name: 'ktime_get_coarse_ns',
  args: [],
  returns: 'u64',
  call: now,
});

/** CLOCK_TAI. The embedded machine knows no date: its own began when it was started. */
export const ktime_get_tai_ns = helper({ id: 208, name: 'ktime_get_tai_ns', args: [], returns: 'u64', call: now });

/** In ticks. */
export const jiffies64 = helper({
  id: 118,
  name: 'jiffies64',
  args: [],
  returns: 'u64',
  call: (env) => words(env, env.machine.clock, NS_PER_TICK),
});
