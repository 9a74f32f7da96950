import { answer64, type HelperEnv, helper } from './helper.ts';

/** CLOCK_MONOTONIC. The embedded machine never sleeps, so it is also the time since boot. */
function now(env: HelperEnv): number {
  const { clock } = env.machine;
  const low = clock.low();
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

/** In ticks of 4 ms, as with CONFIG_HZ=250. */
export const jiffies64 = helper({
  id: 118,
  name: 'jiffies64',
  args: [],
  returns: 'u64',
  call: (env) => answer64(env, env.machine.clock.now() / 4_000_000n),
});
