import { errno } from '../../../uapi/errno.ts';
import { SYSCTL_PAGE, type SysctlAccess } from '../cgroups/sysctl-access.ts';
import { type HelperEnv, helper } from './helper.ts';

const BPF_F_SYSCTL_BASE_NAME = 1;

/** The path below /proc/sys, or its last name, with a NUL. Bytes without it, or -E2BIG with as much as there is room for. */
export const sysctl_get_name = helper({
  id: 101,
  name: 'sysctl_get_name',
  args: ['ctx', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, _ctx, out, size, flags) {
    const access = accessOf(env);
    if (access === undefined) return 0;
    if (flags !== 0 && flags !== BPF_F_SYSCTL_BASE_NAME) return -errno.EINVAL;
    const name = flags === 0 ? access.name : access.name.slice(access.name.lastIndexOf('/') + 1);
    return copyText(env, new TextEncoder().encode(name), out, size);
  },
});

export const sysctl_get_current_value = helper({
  id: 102,
  name: 'sysctl_get_current_value',
  args: ['ctx', 'mem', 'mem_size'],
  returns: 'integer',
  call: (env, _ctx, out, size) => copyValue(env, accessOf(env)?.current, out, size),
});

export const sysctl_get_new_value = helper({
  id: 103,
  name: 'sysctl_get_new_value',
  args: ['ctx', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, _ctx, out, size) {
    const access = accessOf(env);
    return copyValue(env, access?.write ? access.value : undefined, out, size);
  },
});

export const sysctl_set_new_value = helper({
  id: 104,
  name: 'sysctl_set_new_value',
  args: ['ctx', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, _ctx, value, size) {
    const access = accessOf(env);
    if (access === undefined) return 0;
    if (!access.write || access.value.length === 0 || size === 0) return -errno.EINVAL;
    if (size > SYSCTL_PAGE - 1) return -errno.E2BIG;
    access.value = env.memory.u8.slice(value, value + size);
    access.changed = true;
    return 0;
  },
});

function accessOf({ subject, fail }: HelperEnv): SysctlAccess | undefined {
  const access = subject?.kind === 'cgroup' ? subject.sysctl : undefined;
  if (access === undefined) fail('R1 of the call is not the context of a sysctl');
  return access;
}

/** Bytes of the value, or -E2BIG with what there is room for and a NUL; -EINVAL without one. What is left of the room becomes zeros. */
function copyValue({ memory: { u8 } }: HelperEnv, value: Uint8Array | undefined, out: number, size: number): number {
  if (size === 0) return -errno.E2BIG;
  u8.fill(0, out, out + size);
  if (value === undefined || value.length === 0) return -errno.EINVAL;
  u8.set(value.subarray(0, size), out);
  if (size > value.length) return value.length;
  u8[out + size - 1] = 0;
  return -errno.E2BIG;
}

function copyText({ memory: { u8 } }: HelperEnv, text: Uint8Array, out: number, size: number): number {
  if (size === 0) return -errno.E2BIG;
  u8.set(text.subarray(0, size - 1), out);
  u8[out + Math.min(text.length, size - 1)] = 0;
  return text.length < size ? text.length : -errno.E2BIG;
}
