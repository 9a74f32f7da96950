import type { Cgroup } from '../cgroups/cgroup.ts';
import type { HelperEnv } from '../helpers/helper.ts';
import { kfunc } from './kfunc.ts';
import { giveBack, take, takeAgain } from './tasks.ts';

export const bpf_cgroup_acquire = kfunc('struct cgroup *bpf_cgroup_acquire(struct cgroup *cgrp)', {
  args: ['wide'],
  returns: 'map_value_or_null',
  call: (env, cgroup) => takeAgain(env, cgroup, 'cgroup'),
});

export const bpf_cgroup_release = kfunc('void bpf_cgroup_release(struct cgroup *cgrp)', {
  args: ['wide'],
  returns: 'void',
  call: (env, cgroup) => giveBack(env, cgroup, 'cgroup'),
});

export const bpf_cgroup_ancestor = kfunc('struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgrp, int level)', {
  args: ['cgroup', 'anything'],
  returns: 'map_value_or_null',
  call: (env, cgroup, level) => acquire(env, cgroup.ancestor(level)),
});

export const bpf_cgroup_from_id = kfunc('struct cgroup *bpf_cgroup_from_id(u64 cgid)', {
  args: ['u64'],
  returns: 'map_value_or_null',
  call: (env, id) => acquire(env, env.machine.cgroups.root.find(id)),
});

export const bpf_task_under_cgroup = kfunc(
  'long bpf_task_under_cgroup(struct task_struct *task, struct cgroup *ancestor)',
  {
    args: ['task', 'cgroup'],
    returns: 'integer',
    call: (_env, task, ancestor) => (task.cgroup.isWithin(ancestor) ? 1 : 0),
  },
);

/** Of the hierarchies before cgroup2 there are none. */
export const bpf_task_get_cgroup1 = kfunc(
  'struct cgroup *bpf_task_get_cgroup1(struct task_struct *task, int hierarchy_id)',
  { args: ['task', 'anything'], returns: 'map_value_or_null', call: () => 0 },
);

function acquire(env: HelperEnv, cgroup: Cgroup | undefined): number {
  return cgroup === undefined ? 0 : take(env, cgroup.show(env.machine));
}
