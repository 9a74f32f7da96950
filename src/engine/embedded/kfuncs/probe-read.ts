import { errno } from '../../../uapi/errno.ts';
import { bytesAt, checkRange, readDynptr } from '../dynptr.ts';
import type { HelperEnv, Wide } from '../helpers/helper.ts';
import { type Failure, isMemory, noKernelMemory, noUserMemory } from '../helpers/probe-read.ts';
import { type Kfunc, kfunc } from './kfunc.ts';

/** `NAME(dptr, off, size, from)`: copies any memory to where a dynptr leads, which has to have room for all of it. 0 or -errno. `zeroes`: that is what is there after a failure. */
function reading(name: string, failure: Failure, zeroes = false): Kfunc {
  return kfunc(`int ${name}(struct bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign)`, {
    args: ['dynptr', 'u64', 'u64', 'wide'],
    returns: 'integer',
    call(env, to, offset, size, from) {
      const at = destination(env, to, offset, size);
      if (at <= 0) return at;
      if (!isMemory(env, from, size)) {
        if (zeroes) env.memory.u8.fill(0, at, at + size);
        return failure(from);
      }
      env.memory.u8.copyWithin(at, from.low, from.low + size);
      return 0;
    },
  });
}

/** Likewise a text as far as it fits, always with a NUL, which the result counts. */
function readingText(name: string, failure: Failure): Kfunc {
  return kfunc(`int ${name}(struct bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign)`, {
    args: ['dynptr', 'u64', 'u64', 'wide'],
    returns: 'integer',
    call: (env, to, offset, size, from) => {
      const at = destination(env, to, offset, size);
      return at <= 0 || size === 0 ? Math.min(at, 0) : copyText(env, at, size, from, failure);
    },
  });
}

function copyText(env: HelperEnv, at: number, size: number, from: Wide, failure: Failure): number {
  if (!isMemory(env, from, 1)) return failure(from);
  const { u8 } = env.memory;
  const text = u8.slice(from.low, from.low + size - 1);
  const end = text.indexOf(0);
  const length = end < 0 ? text.length : end;
  u8.set(text.subarray(0, length), at);
  u8[at + length] = 0;
  return length + 1;
}

/** Address of bytes of a dynptr that may be written; -errno, or 0 with a fault. */
function destination(env: HelperEnv, to: number, offset: number, size: number): number {
  const dynptr = readDynptr(env.memory, to);
  if (dynptr === undefined) return -errno.EINVAL;
  if (checkRange(dynptr, offset, size) < 0) return -errno.E2BIG;
  return dynptr.readOnly ? -errno.EINVAL : bytesAt(env, dynptr, offset, size);
}

export const bpf_probe_read_user_dynptr = reading('bpf_probe_read_user_dynptr', noUserMemory);
export const bpf_probe_read_kernel_dynptr = reading('bpf_probe_read_kernel_dynptr', noKernelMemory);
export const bpf_probe_read_user_str_dynptr = readingText('bpf_probe_read_user_str_dynptr', noUserMemory);
export const bpf_probe_read_kernel_str_dynptr = readingText('bpf_probe_read_kernel_str_dynptr', noKernelMemory);
/** For programs that may sleep. */
export const bpf_copy_from_user_dynptr = reading('bpf_copy_from_user_dynptr', noUserMemory, true);
export const bpf_copy_from_user_str_dynptr = readingText('bpf_copy_from_user_str_dynptr', noUserMemory);
