import { errno } from '../../../uapi/errno.ts';
import { type HelperEnv, helper, type Wide } from './helper.ts';

/** Copies from any address; -EFAULT, and zeros, from one that leads nowhere, -ERANGE where Linux has no memory of the kernel. */
export const probe_read_kernel = helper({
  id: 113,
  name: 'probe_read_kernel',
  gplOnly: true,
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

/** Copies a text as far as it fits, always with a NUL, which the result counts. */
export const probe_read_kernel_str = helper({
  id: 115,
  name: 'probe_read_kernel_str',
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

function isMemory({ memory }: HelperEnv, { low, high }: Wide, size: number): boolean {
  return high === 0 && memory.check(low >>> 0, size);
}

/** The kernel's addresses have the highest bit. Here they have not, which only shows where there is no memory. */
function failure({ high }: Wide): number {
  return high < 0 ? -errno.EFAULT : -errno.ERANGE;
}
