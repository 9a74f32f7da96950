import type { Insn } from '../../../isa/index.ts';
import { attachTypeNumber, BPF_F_RDONLY_PROG } from '../../../uapi/bpf.ts';
import { MAX_ERRNO } from '../../../uapi/errno.ts';
import { type HelperName, helperFunction } from '../../../uapi/helpers.ts';
import { pushBranch } from './branches.ts';
import { isKernelBtf } from './btf-access.ts';
import { targetOf } from './btf-context.ts';
import { sizeOf, skipModifiers } from './btf-walk.ts';
import {
  findVmaCallback,
  loopCallback,
  mapElementCallback,
  pushCallback,
  timerCallback,
  userRingbufCallback,
} from './callbacks.ts';
import { clearCallerSaved, leaveSubprog } from './calls.ts';
import { dynptrAt, releaseDynptr } from './dynptr.ts';
import type { DynptrKind } from './dynptr-kind.ts';
import type { Env } from './env.ts';
import { checkFormat } from './format-string.ts';
import { type CallMeta, checkArgument, createMeta } from './helper-args.ts';
import { acquires, changesPacketData, helperName, isCast } from './helper-facts.ts';
import { mayCallHere } from './helper-places.ts';
import { Int64, ZERO } from './int64.ts';
import { mapCompatible } from './map-compatibility.ts';
import { markPrecise } from './precision.ts';
import type { MapToVerify } from './program.ts';
import { type HelperProto, helperProto } from './prototypes.ts';
import { acquire, checkResources, dropPacketPointers, dropReference, hasReference, release } from './references.ts';
import {
  ALLOC,
  MAYBE_NULL,
  NOT_INIT,
  PERCPU,
  RCU,
  RDONLY,
  Reg,
  type RegKind,
  RINGBUF,
  TRUSTED,
  UNKNOWN,
} from './reg.ts';
import { Scalar } from './scalar.ts';
import { mayCallHelper } from './struct-ops.ts';
import { kindText } from './type-text.ts';

/** Helpers that go with one map, all the time. */
const WITH_MAP: ReadonlySet<HelperName> = new Set<HelperName>([
  'tail_call',
  'map_lookup_elem',
  'map_update_elem',
  'map_delete_elem',
  'map_push_elem',
  'map_pop_elem',
  'map_peek_elem',
  'for_each_map_elem',
  'redirect_map',
  'map_lookup_percpu_elem',
]);
const WRITING: ReadonlySet<HelperName> = new Set<HelperName>([
  'map_delete_elem',
  'map_update_elem',
  'map_push_elem',
  'map_pop_elem',
]);
const ITERABLE: ReadonlySet<string> = new Set([
  'hash',
  'percpu_hash',
  'lru_hash',
  'lru_percpu_hash',
  'array',
  'percpu_array',
]);
const TEXT_LENGTHS: ReadonlySet<HelperName> = new Set<HelperName>([
  'get_stack',
  'get_task_stack',
  'probe_read_str',
  'probe_read_kernel_str',
  'probe_read_user_str',
]);

/** A call of a helper: whether the program may call it, what it is given, and what it returns. Returns the instruction to go on at. */
export function checkHelperCall(env: Env, insn: Insn): number {
  const name = requireHelper(env, insn.imm);
  const { type, attachType, gpl } = env.program;
  const proto = helperProto(name, type, attachType);
  if (proto.gplOnly && !gpl) env.fail('EINVAL', 'cannot call GPL-restricted function from non-GPL compatible program');
  if (!mayCallHere(env, name)) env.fail('EINVAL', 'helper call is not allowed in probe');
  checkSleep(env, name, insn.imm, proto);
  const meta = createMeta(name, proto);
  for (let argument = 0; argument < proto.args.length; argument++) checkArgument(env, argument, meta);
  checkMapUse(env, meta);
  for (let i = 0; i < meta.size; i++) env.writeMemory(meta.regno, i, 1);
  releaseArgument(env, meta, insn.imm);
  let changesPacket = changesPacketData(insn.imm);
  if (checkSpecial(env, meta)) changesPacket = true;
  const dynptrReference = meta.name === 'dynptr_data' ? dynptrAt(env, env.reg(1)) : undefined;
  const cpuPointer = (name === 'per_cpu_ptr' || name === 'this_cpu_ptr') && env.reg(1).has(RCU);
  clearCallerSaved(env, env.frame);
  let result = resultOf(env, meta, cpuPointer);
  if (result.mayBeNull) result = result.with({ id: env.newId() });
  if (name === 'dynptr_data')
    result = result.with({ dynptrId: dynptrReference?.id ?? 0, refObjId: dynptrReference?.refObjId ?? 0 });
  else if (isCast(name)) result = result.with({ refObjId: meta.refObjId });
  else if (acquires(name, meta.map)) {
    const id = acquire(env, env.insn);
    result = result.with({ id, refObjId: id });
  }
  env.setReg(0, refineResult(env, meta, result));
  checkMapType(env, meta, insn.imm);
  if (name === 'get_func_ip') checkFuncIp(env, insn.imm);
  if (changesPacket && name !== 'tail_call') dropPacketPointers(env);
  return name === 'tail_call' && env.state.curframe > 0 ? followTailCall(env) : env.insn + 1;
}

/** The program that a function goes on in may return to its caller, with any result. */
function followTailCall(env: Env): number {
  pushBranch(env, env.insn + 1, env.insn);
  dropPacketPointers(env);
  env.setReg(0, UNKNOWN);
  return leaveSubprog(env);
}

function requireHelper(env: Env, id: number): HelperName {
  const name = helperName(id);
  const text = `${helperFunction(id) ?? 'unknown'}#${id}`;
  const refusal = `program of this type cannot use helper ${text}`;
  if (name === undefined) return env.fail('EINVAL', id === 0 ? refusal : `invalid func ${text}`);
  if (!env.allowedHelpers().has(name) || !mayCallHelper(env, name)) env.fail('EINVAL', refusal);
  if (env.program.lacks?.(name) === true) env.fail('EINVAL', `${refusal}: the embedded kernel does not have it yet`);
  return name;
}

function checkSleep(env: Env, _name: HelperName, id: number, proto: HelperProto): void {
  if (!proto.mightSleep) return;
  const text = `${helperFunction(id) ?? 'unknown'}#${id}`;
  if (!env.isSleepable) env.fail('EINVAL', 'helper call might sleep in a non-sleepable prog');
  if (env.state.activeRcu) env.fail('EINVAL', `sleepable helper ${text} in rcu_read_lock region`);
  if (env.state.activePreempt > 0) env.fail('EINVAL', `sleepable helper ${text} in non-preemptible region`);
  if (env.state.activeIrqId !== 0) env.fail('EINVAL', `sleepable helper ${text} in IRQ-disabled region`);
}

function checkMapUse(env: Env, { name, map }: CallMeta): void {
  if (!WITH_MAP.has(name)) return;
  if (map === undefined) env.fail('EINVAL', 'expected map for helper');
  if (map !== undefined && (map.flags & BPF_F_RDONLY_PROG) !== 0 && WRITING.has(name))
    env.fail('EACCES', 'write into map forbidden');
  if (name === 'tail_call') {
    if (map?.type !== 'prog_array') env.fail('EINVAL', 'expected prog array map for tail call');
    const index = env.reg(3);
    if (index.isConst && index.num.value.unsignedNumber < (map?.maxEntries ?? 0)) markPrecise(env, 3);
  }
}

function releaseArgument(env: Env, meta: CallMeta, id: number): void {
  const { releaseRegno, name, refObjId } = meta;
  if (releaseRegno === 0) return;
  const reg = env.reg(releaseRegno);
  let released: boolean;
  if (meta.proto.args[releaseRegno - 1]?.base === 'dynptr') released = releaseDynptr(env, reg);
  else if (name === 'kptr_xchg' && refObjId !== 0) released = giveToMap(env, refObjId);
  else if (refObjId !== 0) released = release(env, refObjId);
  else released = reg.isNull;
  if (!released)
    env.fail('EINVAL', `func ${helperFunction(id) ?? 'unknown'}#${id} reference has not been acquired before`);
}

/** The map has the object from here on; per-CPU objects can still be looked at as long as none is freed. */
function giveToMap(env: Env, refObjId: number): boolean {
  if (!hasReference(env, refObjId)) return false;
  dropReference(env, refObjId);
  env.state.mapRegs((reg) => {
    if (reg.refObjId !== refObjId) return reg;
    return env.inRcuSection && reg.has(ALLOC) && reg.has(PERCPU)
      ? reg.with({ refObjId: 0, flags: (reg.flags & ~ALLOC) | RCU })
      : UNKNOWN;
  });
  return true;
}

/** What single helpers ask for. True: it also changes the packet. */
function checkSpecial(env: Env, meta: CallMeta): boolean {
  const { name, map, subprogno } = meta;
  switch (name) {
    case 'tail_call':
      checkResources(env, 'tail_call', { exception: false, locks: true });
      return false;
    case 'get_local_storage':
      if (!env.reg(2).isNull) env.fail('EINVAL', "get_local_storage() doesn't support non-zero flags");
      markPrecise(env, 2);
      return false;
    case 'for_each_map_elem':
      if (map === undefined || !ITERABLE.has(map.type)) env.fail('ENOTSUPP', 'callback function not allowed for map');
      pushCallback(env, subprogno, mapElementCallback(map));
      return false;
    case 'timer_set_callback':
      pushCallback(env, subprogno, timerCallback);
      return false;
    case 'find_vma':
      pushCallback(env, subprogno, findVmaCallback(env));
      return false;
    case 'user_ringbuf_drain':
      pushCallback(env, subprogno, userRingbufCallback(env));
      return false;
    case 'loop':
      return checkLoop(env, subprogno);
    case 'snprintf':
      checkFormat(env);
      return false;
    case 'dynptr_from_mem': {
      const memory = env.reg(1);
      if (memory.kind !== 'map_value')
        env.fail('EACCES', `Unsupported reg type ${kindText(memory.kind, memory.flags)} for bpf_dynptr_from_mem data`);
      return false;
    }
    case 'set_retval':
      if (
        env.program.type === 'lsm' &&
        env.program.attachType === attachTypeNumber.lsm_cgroup &&
        targetOf(env)?.proto.returns === 0
      )
        env.fail('EINVAL', "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
      return false;
    case 'dynptr_write':
      return isSkb(dynptrAt(env, env.reg(1))?.dynptr?.kind);
    default:
      return false;
  }
}

/** What is written through the dynptr may move the packet. */
function isSkb(kind: DynptrKind | undefined): boolean {
  return kind === 'skb' || kind === 'skb_meta';
}

function checkLoop(env: Env, subprogno: number): false {
  if (env.reg(4).isNull) markPrecise(env, 4);
  markPrecise(env, 1);
  const { frame } = env;
  if (frame.callbackDepth < env.reg(1).num.umax.unsignedNumber) pushCallback(env, subprogno, loopCallback);
  else frame.callbackDepth = 0;
  return false;
}

/** r0. */
function resultOf(env: Env, meta: CallMeta, cpuPointer: boolean): Reg {
  const { returns } = meta.proto;
  let flags = 0;
  if (returns.null) flags |= MAYBE_NULL;
  if (returns.rdonly) flags |= RDONLY;
  if (returns.trusted) flags |= TRUSTED;
  if (returns.ringbuf) flags |= RINGBUF;
  switch (returns.base) {
    case 'integer':
      return UNKNOWN;
    case 'void':
      return NOT_INIT;
    case 'map_value':
      return mapValueResult(env, meta, flags);
    case 'socket':
    case 'sock_common':
    case 'tcp_sock':
      return Reg.pointer(returns.base satisfies RegKind, { flags });
    case 'mem':
      return Reg.pointer('mem', { flags, memSize: meta.memSize });
    case 'mem_or_btf_id':
      return perCpuResult(env, meta, flags, cpuPointer);
    case 'btf_id':
      return structResult(env, meta, flags);
    default:
      return env.fail('EINVAL', `unknown return type of func ${meta.name}`);
  }
}

function mapValueResult(env: Env, meta: CallMeta, flags: number): Reg {
  const { map, mapUid, constKey, name } = meta;
  if (map === undefined) return env.fail('EINVAL', 'kernel subsystem misconfigured verifier');
  // The element of an array whose number is known is there.
  const isThere =
    name === 'map_lookup_elem' &&
    (map.type === 'array' || map.type === 'percpu_array') &&
    constKey !== undefined &&
    constKey < map.maxEntries;
  const found = isThere ? flags & ~MAYBE_NULL : flags;
  const hasLock = map.fields.some(({ kind }) => kind === 'spin_lock' || kind === 'res_spin_lock');
  const id = (found & MAYBE_NULL) === 0 && hasLock ? env.newId() : 0;
  return Reg.pointer('map_value', { flags: found, map, mapUid, id });
}

function perCpuResult(env: Env, { resultBtf, resultType }: CallMeta, flags: number, cpuPointer: boolean): Reg {
  if (resultBtf === undefined) return env.fail('EINVAL', 'no type');
  const [type, id] = skipModifiers(resultBtf, resultType);
  if (type.kind === 'struct') {
    const kept = cpuPointer ? ALLOC | RCU : flags & ~RDONLY;
    return Reg.pointer('btf_id', { flags: kept, btf: resultBtf, btfId: id });
  }
  const memSize = sizeOf(resultBtf, id);
  if (memSize === undefined) return env.fail('EINVAL', `unable to resolve the size of type '${type.name}'`);
  return Reg.pointer('mem', { flags, memSize });
}

function structResult(env: Env, { name, kptr, proto }: CallMeta, flags: number): Reg {
  if (name === 'kptr_xchg') {
    const target = kptr?.kptr;
    if (target === undefined) return env.fail('EINVAL', 'kptr_xchg without kptr');
    let own = flags;
    if (!isKernelBtf(env, target.btf)) own |= ALLOC | (target.variant === 'percpu' ? PERCPU : 0);
    return Reg.pointer('btf_id', { flags: own, btf: target.btf, btfId: target.typeId });
  }
  const struct = env.structNamed(proto.returns.struct ?? '');
  if (struct === undefined)
    return env.fail('EINVAL', `the kernel has no type ${proto.returns.struct} for func ${name}`);
  return Reg.pointer('btf_id', { ...struct, flags });
}

/** What is known of the number that some helpers return. */
function refineResult(env: Env, { name, maxSize, proto }: CallMeta, result: Reg): Reg {
  if (proto.returns.base !== 'integer') return result;
  if (TEXT_LENGTHS.has(name)) {
    const num = new Scalar();
    num.smax = Int64.fromInt(maxSize);
    num.s32max = maxSize;
    num.smin = Int64.fromInt(-MAX_ERRNO);
    num.s32min = -MAX_ERRNO;
    return Reg.scalar(num.sync());
  }
  if (name === 'get_smp_processor_id') return Reg.scalar(Scalar.between(ZERO, Int64.fromInt(env.program.cpus - 1)));
  return result;
}

function checkMapType(env: Env, { map, name }: CallMeta, id: number): void {
  if (map === undefined || isCompatible(env, map, name)) return;
  env.fail('EINVAL', `cannot pass map_type ${map.typeNumber} into func ${helperFunction(id) ?? 'unknown'}#${id}`);
}

function isCompatible(env: Env, map: MapToVerify, name: HelperName): boolean {
  return mapCompatible(map.type, name, env.program.type, env.program.attachType);
}

function checkFuncIp(env: Env, id: number): void {
  const { type, attachType } = env.program;
  const text = `bpf_get_func_ip#${id}`;
  if (type === 'kprobe') return;
  if (type !== 'tracing') env.fail('ENOTSUPP', `func ${text} not supported for program type ${type}`);
  const trampoline = [attachTypeNumber.trace_fentry, attachTypeNumber.trace_fexit, attachTypeNumber.modify_return];
  if (!trampoline.includes(attachType))
    env.fail('ENOTSUPP', `func ${text} supported only for fentry/fexit/fmod_ret programs`);
}
