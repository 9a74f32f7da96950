import { errno } from '../../../uapi/errno.ts';
import { isPidNamespace } from '../fs/nsfs.ts';
import type { Process } from '../process.ts';
import { type Helper, helper, type Wide } from './helper.ts';

/** The largest number of a signal. 0 asks whether one could be sent. */
const SIGRTMAX = 64;
/** Bytes of struct bpf_pidns_info: the ids of the thread and of its process. */
const PIDNS_INFO = 8;

/** A signal to the process whose system call the program runs in; processes here have one thread. */
function sending(id: number, name: string): Helper {
  return helper({
    id,
    name,
    args: ['anything'],
    returns: 'integer',
    call: (env, signal) => sendSignal(env.machine.task, signal),
  });
}
export const send_signal = sending(109, 'send_signal');
export const send_signal_thread = sending(117, 'send_signal_thread');

/** 0, -EINVAL for a number that is no signal, -EPERM without a process. */
export function sendSignal(task: Process | undefined, signal: number): number {
  if (task === undefined) return -errno.EPERM;
  if (signal < 0 || signal > SIGRTMAX) return -errno.EINVAL;
  if (signal !== 0) task.signal(signal);
  return 0;
}

const asBigInt = ({ low, high }: Wide): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

/** The ids of the running process in the namespace that the file with these numbers is. */
export const get_ns_current_pid_tgid = helper({
  id: 120,
  name: 'get_ns_current_pid_tgid',
  args: ['wide', 'wide', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, dev, ino, out, size) {
    const { pid } = env.machine;
    const isIt = size === PIDNS_INFO && pid !== 0 && isPidNamespace(asBigInt(dev), asBigInt(ino));
    if (!isIt) {
      env.memory.u8.fill(0, out, out + size);
      return -errno.EINVAL;
    }
    env.memory.dv.setUint32(out, pid, true);
    env.memory.dv.setUint32(out + 4, pid, true);
    return 0;
  },
});

/** Processes have no memory of their own: nothing can be read there. */
export const copy_from_user_task = helper({
  id: 191,
  name: 'copy_from_user_task',
  gplOnly: true,
  args: ['mem', 'mem_size', 'wide', 'task', 'wide'],
  returns: 'integer',
  call(env, out, size, _from, _task, flags) {
    if (flags.low !== 0 || flags.high !== 0) return -errno.EINVAL;
    env.memory.u8.fill(0, out, out + size);
    return size === 0 ? 0 : -errno.EFAULT;
  },
});

/** Nor is anything mapped there. */
export const find_vma = helper({
  id: 180,
  name: 'find_vma',
  args: ['task', 'wide', 'func', 'callback_ctx', 'wide'],
  returns: 'integer',
  call: (_env, _task, _address, _callback, _context, flags) =>
    flags.low === 0 && flags.high === 0 ? -errno.ENOENT : -errno.EINVAL,
});
