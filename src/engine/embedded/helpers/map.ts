import { isPerCpuMap } from '../../../uapi/bpf.ts';
import { type HelperEnv, helper } from './helper.ts';

export const map_lookup_elem = helper({
  id: 1,
  name: 'map_lookup_elem',
  args: ['const_map_ptr', 'map_key'],
  returns: 'map_value_or_null',
  call: (_env, map, key) => map.lookup(key),
});

export const map_update_elem = helper({
  id: 2,
  name: 'map_update_elem',
  args: ['const_map_ptr', 'map_key', 'map_value', 'u64'],
  returns: 'integer',
  call: (_env, map, key, value, flags) => map.update(key, value, flags),
});

export const map_delete_elem = helper({
  id: 3,
  name: 'map_delete_elem',
  args: ['const_map_ptr', 'map_key'],
  returns: 'integer',
  call: (_env, map, key) => map.delete(key),
});

export const map_push_elem = helper({
  id: 87,
  name: 'map_push_elem',
  args: ['const_map_ptr', 'map_value', 'u64'],
  returns: 'integer',
  call: (env, map, value, flags) => map.push?.(value, flags) ?? noQueue(env),
});

export const map_pop_elem = helper({
  id: 88,
  name: 'map_pop_elem',
  args: ['const_map_ptr', 'map_value'],
  returns: 'integer',
  call: (env, map, out) => map.pop?.(out) ?? noQueue(env),
});

export const map_peek_elem = helper({
  id: 89,
  name: 'map_peek_elem',
  args: ['const_map_ptr', 'map_value'],
  returns: 'integer',
  call: (env, map, out) => map.peek?.(out) ?? noQueue(env),
});

/** The value for any CPU, where bpf_map_lookup_elem finds that of the running one. */
export const map_lookup_percpu_elem = helper({
  id: 195,
  name: 'map_lookup_percpu_elem',
  args: ['const_map_ptr', 'map_key', 'anything'],
  returns: 'map_value_or_null',
  call(env, map, key, cpu) {
    if (!isPerCpuMap(map.attr.type)) return env.fail('R1 of the call is no per-CPU map');
    const { machine } = env;
    if (cpu < 0 || cpu >= machine.cpus) return 0;
    const running = machine.cpu;
    machine.cpu = cpu;
    const value = map.lookup(key);
    machine.cpu = running;
    return value;
  },
});

function noQueue(env: HelperEnv): 0 {
  return env.fail('R1 of the call is neither queue, stack nor bloom filter');
}
