import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { isTrusted } from './btf-access.ts';
import { targetOf } from './btf-context.ts';
import { isScalarType, skipModifiers } from './btf-walk.ts';
import type { Env } from './env.ts';
import { isSame, S64_MAX, S64_MIN } from './int64.ts';
import { lsmResultRange } from './lsm-hooks.ts';
import { markPrecise } from './precision.ts';
import type { Reg } from './reg.ts';
import { readReg } from './reg-access.ts';
import { kindText } from './type-text.ts';

type Range = readonly [min: number, max: number];

const A = attachTypeNumber;
/** Hooks that only look: what they return is 1. */
// biome-ignore format: aligned list
const ALWAYS_1: ReadonlySet<number> = new Set([
  A.cgroup_udp4_recvmsg, A.cgroup_udp6_recvmsg, A.cgroup_unix_recvmsg, A.cgroup_inet4_getpeername, A.cgroup_inet6_getpeername,
  A.cgroup_unix_getpeername, A.cgroup_inet4_getsockname, A.cgroup_inet6_getsockname, A.cgroup_unix_getsockname,
]);

/** What the program returns, or what an exception ends it with (`regno` 1), is what may be returned. */
export function checkReturnCode(env: Env, regno: number, regText: string): void {
  const [main] = env.state.frames;
  if (main === undefined) return;
  const isSubprog = main.subprogno !== 0;
  const { type } = env.program;
  if ((!isSubprog || main.inExceptionCallback) && returnsNothing(env)) return;
  if ((!isSubprog || main.inExceptionCallback) && type === 'struct_ops' && returnsPointer(env, regno)) return;
  const reg = readReg(env, regno);
  if (main.inAsyncCallback) {
    requireRange(env, regno, regText, [0, 0], 'At async callback return', false);
    return;
  }
  if (isSubprog && !main.inExceptionCallback) {
    if (reg.kind !== 'scalar')
      env.fail(
        'EINVAL',
        `At subprogram exit the register R${regno} is not a scalar value (${kindText(reg.kind, reg.flags)})`,
      );
    return;
  }
  const range = rangeOf(env);
  if (range === undefined) return;
  const isLsm = type === 'lsm' && env.program.attachType !== A.lsm_cgroup;
  requireRange(env, regno, regText, range, 'At program exit', isLsm);
  if (type === 'cgroup_skb' && env.program.attachType === A.cgroup_inet_egress) {
    const { smin, smax } = env.reg(regno).num;
    if (smin.number >= 2 && smax.number <= 3) env.enforceAttachType = true;
  }
}

function requireRange(env: Env, regno: number, regText: string, [min, max]: Range, when: string, low32: boolean): void {
  const reg = env.reg(regno);
  if (reg.kind !== 'scalar')
    env.fail('EINVAL', `${when} the register R${regno} is not a known value (${kindText(reg.kind, reg.flags)})`);
  markPrecise(env, regno);
  const { num } = env.reg(regno);
  const within = low32 ? num.s32min >= min && num.s32max <= max : num.smin.number >= min && num.smax.number <= max;
  if (within) return;
  const line = describeRange(reg, when, regText, min, max);
  if (env.program.attachType === A.lsm_cgroup && env.program.type === 'lsm' && targetOf(env)?.proto.returns === 0) {
    env.note(line);
    env.fail('EINVAL', "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
  }
  env.fail('EINVAL', line);
}

/** A number that is not what it should be, in the log's words. */
export function describeRange({ num }: Reg, when: string, regText: string, min: number, max: number): string {
  const low = isSame(num.smin, S64_MIN) ? '' : ` smin=${num.smin.signed}`;
  const high = isSame(num.smax, S64_MAX) ? '' : ` smax=${num.smax.signed}`;
  const value = low + high === '' ? ' unknown scalar value' : `${low}${high}`;
  return `${when} the register ${regText} has${value} should have been in [${min}, ${max}]`;
}

function returnsNothing(env: Env): boolean {
  const { type, attachType } = env.program;
  if (type !== 'struct_ops' && !(type === 'lsm' && attachType !== A.lsm_cgroup)) return false;
  return targetOf(env)?.proto.returns === 0;
}

/** A function of the kernel that returns an object may be given back one that the program holds, or NULL. */
function returnsPointer(env: Env, regno: number): boolean {
  const target = targetOf(env);
  if (target === undefined) return false;
  const [type] = skipModifiers(target.btf, target.proto.returns);
  if (type.kind !== 'ptr') return false;
  const reg = readReg(env, regno);
  if (reg.isNull) return true;
  const [, wanted] = skipModifiers(target.btf, type.typeId);
  if (reg.kind !== 'btf_id' || reg.btfId !== wanted || !isTrusted(reg)) return false;
  if (reg.off !== 0 || reg.refObjId === 0) return false;
  return true;
}

/** `undefined`: it may be anything. */
function rangeOf(env: Env): Range | undefined {
  const { type, attachType } = env.program;
  switch (type) {
    case 'cgroup_sock_addr':
      if (ALWAYS_1.has(attachType)) return [1, 1];
      return attachType === A.cgroup_inet4_bind || attachType === A.cgroup_inet6_bind ? [0, 3] : [0, 1];
    case 'cgroup_skb':
      return attachType === A.cgroup_inet_egress ? [0, 3] : [0, 1];
    case 'cgroup_sock':
    case 'sock_ops':
    case 'cgroup_device':
    case 'cgroup_sysctl':
    case 'cgroup_sockopt':
    case 'sk_lookup':
    case 'netfilter':
      return [0, 1];
    case 'raw_tracepoint':
      return env.program.target === undefined ? undefined : [0, 0];
    case 'tracing':
      if (attachType === A.trace_fentry || attachType === A.trace_fexit) return [0, 0];
      return attachType === A.trace_iter ? [0, 1] : undefined;
    case 'kprobe':
      return attachType === A.trace_kprobe_session || attachType === A.trace_uprobe_session ? [0, 1] : undefined;
    case 'lsm':
      return lsmRange(env);
    default:
      return undefined;
  }
}

function lsmRange(env: Env): Range | undefined {
  const target = targetOf(env);
  if (env.program.attachType === A.lsm_cgroup) return target?.proto.returns === 0 ? [1, 1] : [0, 1];
  if (target === undefined) return undefined;
  const [type] = skipModifiers(target.btf, target.proto.returns);
  return isScalarType(type) ? lsmResultRange(target.name) : undefined;
}
