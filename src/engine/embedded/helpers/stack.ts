import { errno } from '../../../uapi/errno.ts';
import { ADDRESS, BUILD_ID, StackTraceMap } from '../maps/stack-trace.ts';
import { type HelperEnv, helper, type Wide } from './helper.ts';

/** The low byte of the flags: frames that are left out. */
const BPF_F_SKIP_FIELD_MASK = 0xff;
const BPF_F_USER_STACK = 1 << 8;
const BPF_F_FAST_STACK_CMP = 1 << 9;
const BPF_F_REUSE_STACKID = 1 << 10;
const BPF_F_USER_BUILD_ID = 1 << 11;
const ID_FLAGS = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID;
const STACK_FLAGS = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID;

/** What a kernel without machine code has of a stack: the program, and what it was called at. Processes have none. */
function framesOf({ program, subject }: HelperEnv, flags: number): bigint[] {
  if ((flags & BPF_F_USER_STACK) !== 0) return [];
  const called = subject?.kind === 'probe' ? subject.functionAddress : 0n;
  return [program?.address ?? 0n, called].filter((address) => address !== 0n);
}

/** Puts the stack into the map: its number there. */
export const get_stackid = helper({
  id: 27,
  name: 'get_stackid',
  gplOnly: true,
  args: ['ctx', 'const_map_ptr', 'wide'],
  returns: 'integer',
  call(env, _context, map, flags) {
    if (!(map instanceof StackTraceMap)) return env.fail('R2 of the call is no map of stacks');
    if (flags.high !== 0 || (flags.low & ~ID_FLAGS) !== 0) return -errno.EINVAL;
    const frames = framesOf(env, flags.low).slice(flags.low & BPF_F_SKIP_FIELD_MASK);
    if (frames.length === 0) return -errno.EFAULT;
    return map.keep(frames, (flags.low & BPF_F_FAST_STACK_CMP) !== 0, (flags.low & BPF_F_REUSE_STACKID) !== 0);
  },
});

/** Copies the stack: how many bytes of it. */
export const get_stack = helper({
  id: 67,
  name: 'get_stack',
  gplOnly: true,
  args: ['ctx', 'mem', 'mem_size', 'wide'],
  returns: 'integer',
  call: (env, _context, out, size, flags) => copyStack(env, framesOf(env, flags.low), out, size, flags),
});

/** Likewise that of a process, which runs or has none. */
export const get_task_stack = helper({
  id: 141,
  name: 'get_task_stack',
  args: ['task', 'mem', 'mem_size', 'wide'],
  returns: 'integer',
  call: (env, task, out, size, flags) =>
    copyStack(env, task === env.machine.task ? framesOf(env, flags.low) : [], out, size, flags),
});

function copyStack(env: HelperEnv, frames: readonly bigint[], out: number, size: number, flags: Wide): number {
  const { u8, dv } = env.memory;
  u8.fill(0, out, out + size);
  const isUser = (flags.low & BPF_F_USER_STACK) !== 0;
  const byBuildId = (flags.low & BPF_F_USER_BUILD_ID) !== 0;
  if (flags.high !== 0 || (flags.low & ~STACK_FLAGS) !== 0 || (byBuildId && !isUser)) return -errno.EINVAL;
  if (size % (byBuildId ? BUILD_ID : ADDRESS) !== 0) return -errno.EINVAL;
  const skip = flags.low & BPF_F_SKIP_FIELD_MASK;
  if (frames.length === 0 || frames.length < skip) return -errno.EFAULT;
  const copied = frames.slice(skip, skip + size / ADDRESS);
  for (const [i, address] of copied.entries()) dv.setBigUint64(out + ADDRESS * i, address, true);
  return ADDRESS * copied.length;
}
