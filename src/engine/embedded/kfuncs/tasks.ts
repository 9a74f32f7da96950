import { errno } from '../../../uapi/errno.ts';
import type { HelperEnv, Wide } from '../helpers/helper.ts';
import { sendSignal } from '../helpers/process.ts';
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

/** Which of a process's threads a signal is for: of which there is one. */
const [PIDTYPE_PID, PIDTYPE_TGID] = [0, 1];

export const bpf_send_signal_task = kfunc(
  'int bpf_send_signal_task(struct task_struct *task, int sig, enum pid_type type, u64 value)',
  {
    args: ['task', 'anything', 'anything', 'wide'],
    returns: 'integer',
    call: (_env, task, signal, type) =>
      type === PIDTYPE_PID || type === PIDTYPE_TGID ? sendSignal(task, signal) : -errno.EINVAL,
  },
);

function taskOf(env: HelperEnv, pid: number): number {
  return take(env, env.machine.process(pid)?.task ?? 0);
}
