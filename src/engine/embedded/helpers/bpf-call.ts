import { SysError } from '../../../errors.ts';
import { errno } from '../../../uapi/errno.ts';
import { isCallable, readAttr } from '../syscall/from-memory.ts';
import { helper } from './helper.ts';

/** bpf(2), with attributes in the memory of the kernel: the result is that of the call, or -errno. */
export const sys_bpf = helper({
  id: 166,
  name: 'sys_bpf',
  args: ['anything', 'mem', 'mem_size'],
  returns: 'integer',
  call({ machine, memory }, number, at, size) {
    const { task } = machine;
    if (task === undefined) return -errno.EPERM;
    if (!isCallable(number)) return -errno.EINVAL;
    const read = readAttr(task, memory, number, at, size);
    if (typeof read === 'number') return read;
    try {
      const result = task.bpf(read.cmd, read.attr);
      return typeof result === 'number' ? result : 0;
    } catch (error) {
      if (error instanceof SysError) return -error.errno;
      throw error;
    }
  },
});

export const sys_close = helper({
  id: 168,
  name: 'sys_close',
  args: ['anything'],
  returns: 'integer',
  call: ({ machine }, fd) => machine.task?.files.close(fd) ?? -errno.EBADF,
});
