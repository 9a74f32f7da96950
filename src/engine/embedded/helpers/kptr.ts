import { answer64, type HelperEnv, helper } from './helper.ts';

/** Puts an object into a field, and gives what was there; the references go with them. */
export const kptr_xchg = helper({
  id: 194,
  name: 'kptr_xchg',
  args: ['kptr', 'wide'],
  returns: 'u64',
  call(env, field, { low, high }) {
    const old = high === 0 ? env.machine.objects.exchange(field, low) : undefined;
    return old === undefined ? env.fail('R2 of the call is no object') : answer64(env, BigInt(old));
  },
});

/** The object of a CPU, of those that there are one of for each; 0 for a CPU that there is not. */
export const per_cpu_ptr = helper({
  id: 153,
  name: 'per_cpu_ptr',
  args: ['wide', 'anything'],
  returns: 'map_value_or_null',
  call: (env, { low, high }, cpu) => (cpu >>> 0 < env.machine.cpus ? ofCpu(env, low, high, cpu) : 0),
});

export const this_cpu_ptr = helper({
  id: 154,
  name: 'this_cpu_ptr',
  args: ['wide'],
  returns: 'map_value_or_null',
  call: (env, { low, high }) => ofCpu(env, low, high, env.machine.cpu),
});

function ofCpu(env: HelperEnv, low: number, high: number, cpu: number): number {
  const size = high === 0 ? env.machine.objects.size(low, 'percpu') : 0;
  return size === 0 ? env.fail('R1 of the call is nothing that each CPU has') : low + size * cpu;
}
