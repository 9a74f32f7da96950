import type { HelperEnv, Wide } from '../helpers/helper.ts';
import type { Owners } from '../objects/objects.ts';
import { kfunc } from './kfunc.ts';

/** One reference more on what there is at an address; 0 if nothing is. */
export function take({ machine }: HelperEnv, address: number): number {
  return machine.objects.get(address) ? address : 0;
}

/** Likewise on what a program has already, be it gone or not. */
export function takeAgain(env: HelperEnv, { low, high }: Wide, kind: keyof Owners): number {
  if (high === 0 && env.machine.objects.owner(low, kind) !== undefined) return take(env, low);
  return env.fail(`R1 of the call is no ${kind}`);
}

/** 0, or a fault: nothing of this kind is there. */
export function giveBack(env: HelperEnv, { low, high }: Wide, kind: keyof Owners): number {
  return high === 0 && env.machine.objects.put(low, kind) ? 0 : env.fail(`R1 of the call is no ${kind}`);
}

export const bpf_task_acquire = kfunc('struct task_struct *bpf_task_acquire(struct task_struct *p)', {
  args: ['wide'],
  returns: 'map_value_or_null',
  call: (env, task) => takeAgain(env, task, 'task'),
});

export const bpf_task_release = kfunc('void bpf_task_release(struct task_struct *p)', {
  args: ['wide'],
  returns: 'void',
  call: (env, task) => giveBack(env, task, 'task'),
});

export const bpf_task_from_pid = kfunc('struct task_struct *bpf_task_from_pid(s32 pid)', {
  args: ['anything'],
  returns: 'map_value_or_null',
  call: (env, pid) => taskOf(env, pid),
});

/** There is one namespace of process ids. */
export const bpf_task_from_vpid = kfunc('struct task_struct *bpf_task_from_vpid(s32 vpid)', {
  args: ['anything'],
  returns: 'map_value_or_null',
  call: (env, pid) => taskOf(env, pid),
});

function taskOf(env: HelperEnv, pid: number): number {
  return take(env, env.machine.process(pid)?.task ?? 0);
}
