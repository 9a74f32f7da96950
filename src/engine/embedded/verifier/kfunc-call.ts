import type { Btf } from '../../../btf/index.ts';
import type { ProgType } from '../../../uapi/bpf.ts';
import { MAX_ERRNO } from '../../../uapi/errno.ts';
import { pushBranch } from './branches.ts';
import { isComposite, kindName, sizeOf, skipModifiers } from './btf-walk.ts';
import { graphNode, inTreeCallback, nonOwning, pushCallback, timerCallback, treeCallback } from './callbacks.ts';
import { clearCallerSaved } from './calls.ts';
import { isOfPacket } from './dynptr-kind.ts';
import type { Env } from './env.ts';
import { isKfuncCall } from './flow.ts';
import { ITER_NEXT, SEEN } from './insn-facts.ts';
import { Int64, ONES } from './int64.ts';
import { nextElement } from './iterator.ts';
import type { Kfunc } from './kfunc.ts';
import { checkKfuncArgs, createKfuncMeta, isScalarStruct, KERNEL_CONTEXTS, type KfuncMeta } from './kfunc-args.ts';
import { structFields } from './local-struct.ts';
import { mayAccessPacket } from './memory.ts';
import { acquire, dropPacketPointers, dropReference, hasReference, release } from './references.ts';
import {
  ALLOC,
  KNOWN_ZERO,
  MAYBE_NULL,
  PACKET_SLICE,
  PERCPU,
  RCU,
  RDONLY,
  Reg,
  TRUSTED,
  UNKNOWN,
  UNTRUSTED,
} from './reg.ts';
import { checkReturnCode } from './return-code.ts';
import { Scalar } from './scalar.ts';
import { contextStruct } from './subprog-args.ts';

/** Objects per CPU are at most so large. Bytes. */
const BPF_GLOBAL_PERCPU_MA_MAX_SIZE = 512;

/** Calls of no function must be where no path leads. */
export function checkNoCallLeft(env: Env): void {
  for (let i = 0; i < env.insns.length; i++) {
    if (env.facts.has(i, SEEN) && isKfuncCall(env.insnAt(i)) && !env.kfuncs.has(i))
      env.fail('EINVAL', 'invalid kernel function call not eliminated in verifier pass');
  }
}

/** A call of a function of the kernel. True: it ends the program (bpf_throw). */
export function checkKfuncCall(env: Env): boolean {
  const kfunc = env.kfuncs.get(env.insn);
  // A call of no function: refused once it is known that it runs, see `checkNoCallLeft`.
  if (kfunc === undefined) return false;
  const { name } = kfunc;
  if (!kfunc.allowed) env.fail('EACCES', `calling kernel function ${name} is not allowed`);
  if (env.program.lacksKfunc?.(name) === true)
    env.fail('ENOTSUPP', `calling kernel function ${name}: the embedded kernel does not have it yet`);
  if (kfunc.iter === 'next') env.facts.mark(env.insn, ITER_NEXT);
  if (kfunc.sleepable && !env.isSleepable)
    env.fail('EACCES', `program must be sleepable to call sleepable kfunc ${name}`);
  if (name === '__bpf_trap') env.fail('EFAULT', 'unexpected __bpf_trap() due to uninitialized variable?');
  const meta = createKfuncMeta(kfunc);
  if (takesLock(kfunc)) followFailure(env);
  checkKfuncArgs(env, meta);
  if (name === 'bpf_rbtree_add_impl') pushCallback(env, meta.subprogno, treeCallback(env));
  if (name === 'bpf_wq_set_callback_impl') pushCallback(env, meta.subprogno, timerCallback, true);
  enterRegions(env, kfunc);
  giveBack(env, meta);
  if (name === 'bpf_throw') {
    env.seenException = true;
    if (env.exceptionCallback === 0) checkReturnCode(env, 1, 'R1');
  }
  const inserted = insertedReference(env, kfunc);
  if (inserted !== 0) convertToNonOwning(env, inserted);
  clearCallerSaved(env, env.frame);
  setResult(env, meta);
  if (kfunc.changesPacket) dropPacketPointers(env);
  if (kfunc.iter === 'next' && meta.iter !== undefined) nextElement(env, meta.iter);
  return name === 'bpf_throw';
}

function takesLock({ name }: Kfunc): boolean {
  return name === 'bpf_res_spin_lock' || name === 'bpf_res_spin_lock_irqsave';
}

/** A resilient lock may fail: that is a path of its own, where r0 is an error and the lock is not held. */
function followFailure(env: Env): void {
  const other = pushBranch(env, env.insn + 1, env.insn);
  clearCallerSaved(env, other.frame);
  const num = new Scalar();
  num.s32min = -MAX_ERRNO;
  num.s32max = -1;
  num.smin = Int64.fromInt(-MAX_ERRNO);
  num.smax = ONES;
  other.frame.regs[0] = Reg.scalar(num.sync());
}

/** Regions in which a program may not sleep, be preempted, or in which objects stay. */
function enterRegions(env: Env, { name, sleepable }: Kfunc): void {
  const { state } = env;
  const lock = name === 'bpf_rcu_read_lock';
  const unlock = name === 'bpf_rcu_read_unlock';
  if ((lock || unlock) && inTreeCallback(env))
    env.fail('EACCES', 'Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback');
  if (state.activeRcu) {
    if (lock) env.fail('EINVAL', `nested rcu read lock (kernel function ${name})`);
    if (unlock) {
      leaveRcu(env);
      state.activeRcu = false;
    } else if (sleepable) env.fail('EACCES', `kernel func ${name} is sleepable within rcu_read_lock region`);
  } else if (lock) state.activeRcu = true;
  else if (unlock) env.fail('EINVAL', `unmatched rcu read unlock (kernel function ${name})`);

  if (name === 'bpf_preempt_disable') state.activePreempt++;
  else if (name === 'bpf_preempt_enable') {
    if (state.activePreempt === 0)
      env.fail('EINVAL', `unmatched attempt to enable preemption (kernel function ${name})`);
    state.activePreempt--;
  } else if (state.activePreempt > 0 && sleepable)
    env.fail('EACCES', `kernel func ${name} is sleepable within non-preemptible region`);
  if (state.activeIrqId !== 0 && sleepable)
    env.fail('EACCES', `kernel func ${name} is sleepable within IRQ-disabled region`);
}

/** What the region protected may be gone. */
function leaveRcu(env: Env): void {
  const untrusted = (reg: Reg): Reg =>
    reg.has(RCU) ? reg.with({ flags: (reg.flags & ~(RCU | MAYBE_NULL)) | UNTRUSTED }) : reg;
  env.state.mapRegs(untrusted);
  for (const frame of env.state.frames)
    for (let spi = 0; spi < frame.stack.length; spi++) {
      const slot = frame.slot(spi);
      if (slot.reg.iter !== undefined && slot.reg.has(RCU))
        frame.stack[spi] = { types: slot.types, reg: untrusted(slot.reg) };
    }
}

function giveBack(env: Env, { releaseRegno, kfunc }: KfuncMeta): void {
  if (releaseRegno === 0) return;
  if (!release(env, env.reg(releaseRegno).refObjId))
    env.fail('EINVAL', `kfunc ${kfunc.name}#${kfunc.typeId} reference has not been acquired before`);
}

/** The object that is put into a list or tree. */
function insertedReference(env: Env, { name }: Kfunc): number {
  const inserts =
    name === 'bpf_list_push_front_impl' || name === 'bpf_list_push_back_impl' || name === 'bpf_rbtree_add_impl';
  return inserts ? env.reg(2).refObjId : 0;
}

/** The list has the object from here on: who holds the lock may look at it. */
function convertToNonOwning(env: Env, refObjId: number): void {
  if (!hasReference(env, refObjId)) env.fail('EINVAL', 'conversion of owning ref to non-owning failed');
  env.state.mapRegs((reg) => (reg.refObjId === refObjId ? nonOwning(env, reg.with({ refObjId: 0 })) : reg));
  dropReference(env, refObjId);
}

function setResult(env: Env, meta: KfuncMeta): void {
  const { kfunc } = meta;
  const [type] = skipModifiers(kfunc.btf, kfunc.returns);
  if (type.kind === 'void') return;
  if (type.kind !== 'ptr') {
    env.setReg(0, takesLock(kfunc) ? KNOWN_ZERO : UNKNOWN);
    return;
  }
  let result = pointerResult(env, meta, type.typeId);
  const mayBeNull = kfunc.flags.has('ret_null') && !(kfunc.name === 'bpf_refcount_acquire_impl' && meta.owningRef);
  if (mayBeNull) result = result.with({ flags: result.flags | MAYBE_NULL, id: env.newId() });
  if (kfunc.flags.has('acquire')) {
    const id = acquire(env, env.insn);
    result = result.with({ refObjId: id, ...(mayBeNull && { id }) });
  } else if (isNode(kfunc)) {
    result = nonOwning(env, result);
  }
  if (result.id === 0 && result.isAllocated && hasLock(env, result)) result = result.with({ id: env.newId() });
  env.setReg(0, result);
}

function hasLock(env: Env, reg: Reg): boolean {
  return (
    reg.btf !== undefined &&
    structFields(env, reg.btf, reg.btfId).some(({ kind }) => kind === 'spin_lock' || kind === 'res_spin_lock')
  );
}

/** What lies in a list or tree and stays there. */
function isNode({ name }: Kfunc): boolean {
  return [
    'bpf_rbtree_first',
    'bpf_rbtree_root',
    'bpf_rbtree_left',
    'bpf_rbtree_right',
    'bpf_list_front',
    'bpf_list_back',
  ].includes(name);
}

function pointerResult(env: Env, meta: KfuncMeta, pointeeId: number): Reg {
  const { kfunc } = meta;
  const special = specialResult(env, meta);
  if (special !== undefined) return special;
  const [pointed, typeId] = skipModifiers(kfunc.btf, pointeeId);
  if (pointed.kind === 'void') return UNKNOWN;
  if (!isComposite(pointed)) {
    const session = kfunc.name === 'bpf_session_cookie';
    const size = session ? 8n : (meta.bufferSize ?? BigInt(sizeOf(kfunc.btf, typeId) ?? 0));
    const readOnly = !session && (meta.bufferSize === undefined || meta.bufferReadOnly);
    if (size === 0n)
      env.fail(
        'EINVAL',
        `kernel function ${kfunc.name} returns pointer type ${kindName(pointed)} ${pointed.name} is not supported`,
      );
    return Reg.pointer('mem', { memSize: Number(size), flags: readOnly ? RDONLY : 0, refObjId: meta.refObjId });
  }
  let flags = 0;
  if (kfunc.iter === 'next' && meta.iter !== undefined) {
    const slot = env.state.frames[meta.iter.frameno]?.slot(meta.iter.spi);
    flags = slot?.reg.has(RCU) === true ? RCU : TRUSTED;
  } else if (kfunc.name === 'bpf_get_kmem_cache') flags = UNTRUSTED;
  return Reg.pointer('btf_id', { btf: kfunc.btf, btfId: typeId, flags });
}

/** Functions whose result depends on their arguments. */
function specialResult(env: Env, meta: KfuncMeta): Reg | undefined {
  const { kfunc, constant, argBtf, argType, root, dynptr } = meta;
  switch (kfunc.name) {
    case 'bpf_obj_new_impl':
    case 'bpf_percpu_obj_new_impl':
      return newObject(env, kfunc, constant ?? 0n);
    case 'bpf_refcount_acquire_impl':
      return Reg.pointer('btf_id', { flags: ALLOC, btf: argBtf, btfId: argType });
    case 'bpf_list_pop_front':
    case 'bpf_list_pop_back':
    case 'bpf_list_front':
    case 'bpf_list_back':
    case 'bpf_rbtree_remove':
    case 'bpf_rbtree_first':
    case 'bpf_rbtree_root':
    case 'bpf_rbtree_left':
    case 'bpf_rbtree_right':
      return graphNode(root);
    case 'bpf_cast_to_kern_ctx': {
      const struct = KERNEL_CONTEXTS[contextStruct(env.program.type) ?? ''];
      const btfId = kfunc.btf.find('struct', struct ?? '');
      const pointer = btfId === undefined ? contextPointer(kfunc.btf, env.program.type) : undefined;
      if (pointer !== undefined) env.fail('EINVAL', `kern ctx type id ${pointer} is not a struct`);
      if (btfId === undefined) return env.fail('EINVAL', 'the context has no type of the kernel');
      return Reg.pointer('btf_id', { flags: TRUSTED, btf: kfunc.btf, btfId });
    }
    case 'bpf_rdonly_cast':
      return readOnlyCast(env, kfunc, BigInt.asIntN(64, constant ?? 0n));
    case 'bpf_dynptr_slice':
    case 'bpf_dynptr_slice_rdwr': {
      const kind = dynptr?.dynptr?.kind;
      const isPacket = isOfPacket(kind);
      const readOnly = kfunc.name === 'bpf_dynptr_slice';
      if (!readOnly && isPacket && !mayAccessPacket(env, true))
        env.fail('EINVAL', 'the prog does not allow writes to packet data');
      return Reg.pointer('mem', {
        memSize: Number(constant ?? 0n),
        flags: (isPacket ? PACKET_SLICE : 0) | (readOnly ? RDONLY : 0),
        dynptrId: dynptr?.id ?? 0,
      });
    }
    default:
      return undefined;
  }
}

function newObject(env: Env, kfunc: Kfunc, typeId: bigint): Reg {
  const { btf } = env.program;
  const isPerCpu = kfunc.name === 'bpf_percpu_obj_new_impl';
  if (typeId > 0xffff_ffffn) env.fail('EINVAL', 'local type ID argument must be in range [0, U32_MAX]');
  if (btf === undefined) return env.fail('EINVAL', 'bpf_obj_new/bpf_percpu_obj_new requires prog BTF');
  const btfId = Number(typeId);
  const type = btfId > 0 && btfId < btf.typeCount ? btf.type(btfId) : undefined;
  if (type?.kind !== 'struct')
    return env.fail('EINVAL', 'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct');
  if (isPerCpu) {
    if (type.size > BPF_GLOBAL_PERCPU_MA_MAX_SIZE)
      env.fail(
        'EINVAL',
        `bpf_percpu_obj_new type size (${type.size}) is greater than ${BPF_GLOBAL_PERCPU_MA_MAX_SIZE}`,
      );
    if (!isScalarStruct(btf, type, 0))
      env.fail('EINVAL', 'bpf_percpu_obj_new type ID argument must be of a struct of scalars');
    if (structFields(env, btf, btfId).length > 0)
      env.fail('EINVAL', 'bpf_percpu_obj_new type ID argument must not contain special fields');
  }
  return Reg.pointer('btf_id', { flags: ALLOC | (isPerCpu ? PERCPU : 0), btf, btfId });
}

function readOnlyCast(env: Env, kfunc: Kfunc, constant: bigint): Reg {
  const { btf } = kfunc;
  const typeId = Number(constant);
  const type = typeId >= 0 && typeId < btf.typeCount ? btf.type(typeId) : undefined;
  if (type === undefined) return env.fail('EINVAL', `Unknown type ID ${constant} passed to kfunc bpf_rdonly_cast`);
  if (isComposite(type)) return Reg.pointer('btf_id', { flags: UNTRUSTED, btf, btfId: typeId });
  if (type.kind === 'void') return Reg.pointer('mem', { flags: RDONLY | UNTRUSTED });
  return env.fail('EINVAL', 'kfunc bpf_rdonly_cast type ID argument must be of a struct or void');
}

/** Linux has a table of what contexts are: of some types it has `void *`, whose id this is. */
function contextPointer(btf: Btf, type: ProgType): number | undefined {
  const table = btf.find('struct', 'bpf_ctx_convert');
  const converted = table === undefined ? undefined : btf.type(table);
  const members = converted?.kind === 'struct' ? converted.members : [];
  return members.find(({ name }) => name === `BPF_PROG_TYPE_${type.toUpperCase()}_kern`)?.typeId;
}
