import { errno } from '../../../uapi/errno.ts';
import { type Helper, type HelperEnv, helper, type Wide } from './helper.ts';

/*
 * Reading any address. There is one memory here, for what on Linux is the kernel's and what is a process's: what the lab hands to a program is read by all of these.
 */

export type Failure = (from: Wide) => number;
export const noUserMemory: Failure = () => -errno.EFAULT;
/** The high word of the lowest address of Linux's kernel on x86-64. Here addresses are others, which only shows where there is no memory. */
const KERNEL_HIGH = 0xffff_8000;
export const noKernelMemory: Failure = ({ high }) => (high >>> 0 >= KERNEL_HIGH ? -errno.EFAULT : -errno.ERANGE);

/** Copies; zeros, and -errno, from an address that leads nowhere. */
function reading(id: number, name: string, failure: Failure, gplOnly = true): Helper {
  return helper({
    id,
    name,
    gplOnly,
    args: ['mem', 'mem_size', 'wide'],
    returns: 'integer',
    call(env, out, size, from) {
      const { u8 } = env.memory;
      if (!isMemory(env, from, size)) {
        u8.fill(0, out, out + size);
        return failure(from);
      }
      u8.copyWithin(out, from.low, from.low + size);
      return 0;
    },
  });
}

/** Copies a text as far as it fits, always with a NUL, which the result counts. */
function readingText(id: number, name: string, failure: Failure): Helper {
  return helper({
    id,
    name,
    gplOnly: true,
    args: ['mem', 'mem_size', 'wide'],
    returns: 'integer',
    call(env, out, size, from) {
      const { u8 } = env.memory;
      if (size === 0) return 0;
      if (!isMemory(env, from, 1)) {
        u8.fill(0, out, out + size);
        return failure(from);
      }
      const text = u8.slice(from.low, from.low + size - 1);
      const end = text.indexOf(0);
      const length = end < 0 ? text.length : end;
      u8.set(text.subarray(0, length), out);
      u8[out + length] = 0;
      return length + 1;
    },
  });
}

export const probe_read_kernel = reading(113, 'probe_read_kernel', noKernelMemory);
export const probe_read_kernel_str = readingText(115, 'probe_read_kernel_str', noKernelMemory);
export const probe_read_user = reading(112, 'probe_read_user', noUserMemory);
export const probe_read_user_str = readingText(114, 'probe_read_user_str', noUserMemory);
/** Those before there were two of each. */
export const probe_read = reading(4, 'probe_read', noUserMemory);
export const probe_read_str = readingText(45, 'probe_read_str', noUserMemory);
/** For programs that may sleep. */
export const copy_from_user = reading(148, 'copy_from_user', noUserMemory, false);

export function isMemory({ memory }: HelperEnv, { low, high }: Wide, size: number): boolean {
  return high === 0 && memory.check(low >>> 0, size);
}
