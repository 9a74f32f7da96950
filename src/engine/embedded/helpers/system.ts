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

/** The process whose system call the program runs in: its id as a process, and as its only thread. */
export const get_current_pid_tgid = helper({
  id: 14,
  name: 'get_current_pid_tgid',
  args: [],
  returns: 'u64',
  call(env) {
    env.resultHigh = env.machine.pid;
    return env.machine.pid;
  },
});

/** Everybody is root. */
export const get_current_uid_gid = helper({
  id: 15,
  name: 'get_current_uid_gid',
  args: [],
  returns: 'u32',
  call: () => 0,
});

/** Processes of this kernel have no names. */
export const get_current_comm = helper({
  id: 16,
  name: 'get_current_comm',
  args: ['mem', 'mem_size'],
  returns: 'integer',
  call(env, out, size) {
    env.memory.u8.fill(0, out, out + size);
    return 0;
  },
});
