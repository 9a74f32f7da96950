import { helper } from './helper.ts';

export const get_prandom_u32 = helper({
  id: 7,
  name: 'get_prandom_u32',
  args: [],
  returns: 'u32',
  call: (env) => env.machine.random(),
});

export const get_smp_processor_id = helper({
  id: 8,
  name: 'get_smp_processor_id',
  args: [],
  returns: 'u32',
  call: (env) => env.machine.cpu,
});

/** There is one node. */
export const get_numa_node_id = helper({
  id: 42,
  name: 'get_numa_node_id',
  args: [],
  returns: 'integer',
  call: () => 0,
});
