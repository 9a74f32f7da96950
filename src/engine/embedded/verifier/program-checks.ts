import { opcodesProblem } from '../../../isa/index.ts';
import { BPF_F_SLEEPABLE } from '../../../uapi/bpf.ts';
import { isScalarType, skipModifiers } from './btf-walk.ts';
import type { Env } from './env.ts';
import { exceptionCallback } from './exception-callback.ts';
import { extensionProblem } from './extension.ts';
import type { MapToVerify } from './program.ts';
import { checkMember } from './struct-ops.ts';

/** The instructions are some, and what they refer to is there. */
export function checkReferences(env: Env): void {
  const found = opcodesProblem(env.insns);
  if (found !== undefined) env.fail('EINVAL', found.problem);
  const broken = env.program.broken?.references;
  if (broken !== undefined) env.fail(broken.errno, broken.message);
  for (const map of env.program.usedMaps) checkMap(env, map);
}

/** What the program is made for is something that it can be made for. */
export function checkTarget(env: Env): void {
  const broken = env.program.broken?.target;
  if (broken !== undefined) env.fail(broken.errno, broken.message);
  if (env.program.type === 'struct_ops') checkMember(env);
  checkExtension(env);
}

function checkExtension(env: Env): void {
  const { extension, btf, funcInfo } = env.program;
  if (extension === undefined) return;
  const { changesPacket, mightSleep } = env.subprog(0);
  const problem = extensionProblem({ btf, typeId: funcInfo?.[0]?.typeId, changesPacket, mightSleep }, extension);
  if (problem !== undefined) env.fail('EINVAL', problem);
}

/** Programs that run in the midst of anything. */
function isTracing(env: Env): boolean {
  switch (env.program.type) {
    case 'kprobe':
    case 'tracepoint':
    case 'perf_event':
    case 'raw_tracepoint':
    case 'raw_tracepoint_writable':
      return true;
    default:
      return false;
  }
}

/** Maps that sleeping programs may use. */
const FOR_SLEEPERS: ReadonlySet<string> = new Set([
  'hash',
  'lru_hash',
  'array',
  'percpu_hash',
  'percpu_array',
  'lru_percpu_hash',
  'array_of_maps',
  'hash_of_maps',
  'ringbuf',
  'user_ringbuf',
  'inode_storage',
  'sk_storage',
  'task_storage',
  'cgrp_storage',
  'queue',
  'stack',
  'arena',
  'insn_array',
]);

/** Maps that programs of this type may not use. */
function checkMap(env: Env, map: MapToVerify): void {
  const has = (...kinds: readonly string[]) => map.fields.some(({ kind }) => kinds.includes(kind));
  const { type } = env.program;
  if (has('list_head', 'rb_root') && isTracing(env))
    env.fail('EINVAL', 'tracing progs cannot use bpf_{list_head,rb_root} yet');
  if (has('spin_lock', 'res_spin_lock')) {
    if (type === 'socket_filter') env.fail('EINVAL', 'socket filter progs cannot use bpf_spin_lock yet');
    if (isTracing(env)) env.fail('EINVAL', 'tracing progs cannot use bpf_spin_lock yet');
  }
  if (has('timer') && isTracing(env)) env.fail('EINVAL', 'tracing progs cannot use bpf_timer yet');
  if (has('wq') && isTracing(env)) env.fail('EINVAL', 'tracing progs cannot use bpf_wq yet');
  if (map.type === 'struct_ops') env.fail('EINVAL', 'bpf_struct_ops map cannot be used in prog');
  if ((env.program.flags & BPF_F_SLEEPABLE) !== 0 && !FOR_SLEEPERS.has(map.type))
    env.fail('EINVAL', 'Sleepable programs can only use array, hash, ringbuf and local storage maps');
}

/** Functions that read the packet, or call tail calls, return a number: the program may end in them. */
export function checkAbnormalReturns(env: Env): void {
  const { btf, funcInfo } = env.program;
  for (const [i, subprog] of env.subprogs.entries()) {
    if (i === 0 || (!subprog.hasPacketLoad && !subprog.hasTailCall)) continue;
    const what = subprog.hasPacketLoad ? 'LD_ABS' : 'tail_call';
    const info = funcInfo?.[i];
    if (btf === undefined || info === undefined) {
      env.fail('EINVAL', `${what} is not allowed in subprogs without BTF`);
      continue;
    }
    const func = btf.type(info.typeId);
    const proto = func.kind === 'func' ? btf.type(func.typeId) : undefined;
    const [result] = skipModifiers(btf, proto?.kind === 'func_proto' ? proto.returns : 0);
    if (!isScalarType(result)) env.fail('EINVAL', `${what} is only allowed in functions that return 'int'.`);
  }
}

export function findExceptionCallback(env: Env): void {
  const { btf, funcInfo } = env.program;
  const found = exceptionCallback(btf, funcInfo);
  if (typeof found === 'string') env.fail('EINVAL', found);
  env.exceptionStart = found;
}
