import { errno } from '../../../uapi/errno.ts';
import { kfunc } from './kfunc.ts';

/*
 * struct bpf_iter_task as it lies in a program's memory: a process id, and which processes come next.
 */
const [ENDED, AFTER, ONLY] = [0, 1, 2];

// Processes have one thread here.
const BPF_TASK_ITER_PROC_THREADS = 2;

export const bpf_iter_task_new = kfunc(
  'int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task__nullable, unsigned int flags)',
  {
    args: ['two_words', 'task_or_null', 'anything'],
    returns: 'integer',
    call({ memory: { dv } }, it, task, flags) {
      const one = flags === BPF_TASK_ITER_PROC_THREADS;
      const refused = flags >>> 0 > BPF_TASK_ITER_PROC_THREADS || (one && task === undefined);
      dv.setUint32(it, one ? (task?.pid ?? 0) : 0, true);
      dv.setUint32(it + 4, refused ? ENDED : one ? ONLY : AFTER, true);
      return refused ? -errno.EINVAL : 0;
    },
  },
);

export const bpf_iter_task_next = kfunc('struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it)', {
  args: ['two_words'],
  returns: 'map_value_or_null',
  call({ machine, memory: { dv } }, it) {
    const pid = dv.getUint32(it, true);
    const mode = dv.getUint32(it + 4, true);
    const next = mode === AFTER ? machine.processAfter(pid) : mode === ONLY ? machine.process(pid) : undefined;
    dv.setUint32(it, next?.pid ?? 0, true);
    dv.setUint32(it + 4, mode === AFTER && next !== undefined ? AFTER : ENDED, true);
    return next?.task ?? 0;
  },
});

export const bpf_iter_task_destroy = kfunc('void bpf_iter_task_destroy(struct bpf_iter_task *it)', {
  args: ['two_words'],
  returns: 'void',
  call({ memory }, it) {
    memory.dv.setBigUint64(it, 0n, true);
    return 0;
  },
});
