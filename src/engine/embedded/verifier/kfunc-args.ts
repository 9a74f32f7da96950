import type { Btf, BtfType } from '../../../btf/index.ts';
import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { isTrusted } from './btf-access.ts';
import { isComposite, isScalarType, kindName, sizeOf, skipModifiers, structMatches } from './btf-walk.ts';
import { inTreeCallback } from './callbacks.ts';
import { dynptrAt } from './dynptr.ts';
import type { Env } from './env.ts';
import {
  checkArgumentOffset,
  checkConstString,
  checkReleaseOffset,
  dynptrArgument,
  initializeDynptr,
} from './helper-args.ts';
import { checkMemoryArgument, checkSizedArgument } from './helper-memory.ts';
import { irqArgument } from './irq.ts';
import { type IterPlace, iterArgument } from './iterator.ts';
import type { Kfunc } from './kfunc.ts';
import { fieldsAt, structFields } from './local-struct.ts';
import { isLocked, lockArgument } from './locks.ts';
import { markPrecise } from './precision.ts';
import type { FieldToVerify, MapToVerify } from './program.ts';
import { Refusal } from './refusal.ts';
import { ALLOC, MAYBE_NULL, NON_OWN_REF, PERCPU, RCU, type Reg, TRUSTED } from './reg.ts';
import { contextStruct, isContextPointer } from './subprog-args.ts';
import { kindText } from './type-text.ts';

const MAX_ARGUMENTS = 5;

/** What the arguments of one call say about the result. */
export interface KfuncMeta {
  readonly kfunc: Kfunc;
  refObjId: number;
  releaseRegno: number;
  constant: bigint | undefined;
  /** Bytes of the memory that is returned, and whether it may be written. */
  bufferSize: bigint | undefined;
  bufferReadOnly: boolean;
  subprogno: number;
  map: MapToVerify | undefined;
  mapUid: number;
  argBtf: Btf | undefined;
  argType: number;
  owningRef: boolean;
  root: FieldToVerify | undefined;
  dynptr: Reg | undefined;
  iter: IterPlace | undefined;
}

export function createKfuncMeta(kfunc: Kfunc): KfuncMeta {
  return {
    kfunc,
    refObjId: 0,
    releaseRegno: 0,
    constant: undefined,
    bufferSize: undefined,
    bufferReadOnly: false,
    subprogno: 0,
    map: undefined,
    mapUid: 0,
    argBtf: undefined,
    argType: 0,
    owningRef: false,
    root: undefined,
    dynptr: undefined,
    iter: undefined,
  };
}

type ArgKind =
  | 'ctx'
  | 'null'
  | 'alloc'
  | 'refcounted'
  | 'dynptr'
  | 'iter'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'btf_id'
  | 'mem'
  | 'mem_size'
  | 'callback'
  | 'const_str'
  | 'map'
  | 'wq'
  | 'irq_flag'
  | 'res_spin_lock';

interface Pointer {
  readonly index: number;
  readonly regno: number;
  readonly name: string;
  readonly pointed: BtfType;
  readonly pointedId: number;
}

export function checkKfuncArgs(env: Env, meta: KfuncMeta): void {
  const { kfunc } = meta;
  const { params, name, btf } = kfunc;
  if (params.length > MAX_ARGUMENTS)
    env.fail('EINVAL', `Function ${name} has ${params.length} > ${MAX_ARGUMENTS} args`);
  for (let i = 0; i < params.length; i++) {
    const param = params[i];
    if (param === undefined || param.name.endsWith('__ign')) continue;
    if (param.name.endsWith('__prog')) continue;
    const [type] = skipModifiers(btf, param.typeId);
    if (isScalarType(type)) scalarArgument(env, meta, i);
    else if (type.kind === 'ptr') {
      if (pointerArgument(env, meta, i, type)) i++;
    } else env.fail('EINVAL', `Unrecognized arg#${i} type ${kindName(type)}`);
  }
  if (kfunc.flags.has('release') && meta.releaseRegno === 0)
    env.fail('EINVAL', `release kernel function ${name} expects refcounted PTR_TO_BTF_ID`);
}

function scalarArgument(env: Env, meta: KfuncMeta, index: number): void {
  const regno = index + 1;
  const reg = env.reg(regno);
  const name = meta.kfunc.params[index]?.name ?? '';
  if (reg.kind !== 'scalar') env.fail('EINVAL', `R${regno} is not a scalar`);
  if (name.endsWith('__k')) {
    if (!reg.num.isConst) env.fail('EINVAL', `R${regno} must be a known constant`);
    markPrecise(env, regno);
    meta.constant = reg.num.value.unsigned;
    return;
  }
  if (name !== 'rdonly_buf_size' && name !== 'rdwr_buf_size') return;
  if (meta.bufferSize !== undefined) env.fail('EINVAL', '2 or more rdonly/rdwr_buf_size parameters for kfunc');
  if (!reg.num.isConst) env.fail('EINVAL', `R${regno} is not a const`);
  if (reg.num.value.high !== 0) env.fail('EINVAL', `R${regno} rdonly/rdwr_buf_size exceeds u32 max`);
  meta.bufferSize = reg.num.value.unsigned;
  meta.bufferReadOnly = name === 'rdonly_buf_size';
  markPrecise(env, regno);
}

/** True: the argument that follows is its size, and is checked with it. */
function pointerArgument(
  env: Env,
  meta: KfuncMeta,
  index: number,
  type: BtfType & { readonly typeId: number },
): boolean {
  const { kfunc } = meta;
  const regno = index + 1;
  const reg = env.reg(regno);
  const param = kfunc.params[index];
  const name = param?.name ?? '';
  const nullable = name.endsWith('__nullable') || name.endsWith('__opt');
  if ((reg.isNull || reg.mayBeNull) && !nullable)
    env.fail('EACCES', `Possibly NULL pointer passed to trusted arg${index}`);
  if (reg.refObjId !== 0) {
    if (kfunc.flags.has('release') && meta.refObjId !== 0)
      env.fail('EFAULT', `more than one arg with ref_obj_id R${regno} ${reg.refObjId} ${meta.refObjId}`);
    meta.refObjId = reg.refObjId;
    if (kfunc.flags.has('release')) meta.releaseRegno = regno;
  }
  const [pointed, pointedId] = skipModifiers(kfunc.btf, type.typeId);
  const pointer: Pointer = { index, regno, name, pointed, pointedId };
  const kind = kindOf(env, meta, pointer, type);
  if (kind === 'null') return false;
  if (kind === 'alloc' || kind === 'btf_id' || kind === 'map') checkTrust(env, meta, pointer, kind);
  if (kfunc.flags.has('release') && reg.refObjId !== 0) checkReleaseOffset(env, reg, regno);
  else checkArgumentOffset(env, reg, regno);
  checkKind(env, meta, pointer, kind, nullable);
  return kind === 'mem_size';
}

function checkTrust(env: Env, meta: KfuncMeta, { regno }: Pointer, kind: ArgKind): void {
  const reg = env.reg(regno);
  if (kind === 'map') {
    if (reg.map === undefined && reg.btf === undefined) env.fail('EINVAL', `pointer in R${regno} isn't map pointer`);
    if (meta.map !== undefined && reg.map?.fields.some(({ kind: field }) => field === 'wq') === true) {
      if (meta.map !== reg.map || meta.mapUid !== reg.mapUid)
        env.fail(
          'EINVAL',
          `workqueue pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${reg.mapUid}`,
        );
    }
    meta.map = reg.map;
    meta.mapUid = reg.mapUid;
  }
  if (isTrusted(reg)) return;
  if (!meta.kfunc.flags.has('rcu')) env.fail('EINVAL', `R${regno} must be referenced or trusted`);
  if (!reg.has(RCU)) env.fail('EINVAL', `R${regno} must be a rcu pointer`);
}

/** What a pointer argument is, by its type, its name, and what is given. */
function kindOf(env: Env, meta: KfuncMeta, pointer: Pointer, type: BtfType & { readonly typeId: number }): ArgKind {
  const { kfunc } = meta;
  const { index, regno, name, pointed } = pointer;
  const reg = env.reg(regno);
  const isStruct = (struct: string) => pointed.kind === 'struct' && pointed.name === struct;
  if (kfunc.name === 'bpf_cast_to_kern_ctx') return 'ctx';
  if (name.endsWith('__nullable') && reg.isNull) return 'null';
  if (isContextPointer(env, kfunc.btf, type) || isKernelContext(env, pointed)) return 'ctx';
  if (name.endsWith('__alloc')) return 'alloc';
  if (name.endsWith('__refcounted_kptr')) return 'refcounted';
  if (isStruct('bpf_dynptr')) return 'dynptr';
  if (kfunc.iter !== undefined ? index === 0 : name.endsWith('__iter')) return 'iter';
  if (isStruct('bpf_list_head')) return 'list_head';
  if (isStruct('bpf_list_node')) return 'list_node';
  if (isStruct('bpf_rb_root')) return 'rb_root';
  if (isStruct('bpf_rb_node')) return 'rb_node';
  if (name.endsWith('__str')) return 'const_str';
  if (name.endsWith('__map')) return 'map';
  if (isStruct('bpf_wq')) return 'wq';
  if (name.endsWith('__irq_flag')) return 'irq_flag';
  if (isStruct('bpf_res_spin_lock')) return 'res_spin_lock';
  if (reg.kind === 'btf_id' || (reg.isSocket && reg.kind !== 'xdp_sock') || reg.kind === 'map_ptr') {
    if (!isComposite(pointed))
      env.fail(
        'EINVAL',
        `kernel function ${kfunc.name} args#${index} pointer type ${kindName(pointed)} ${pointed.name} is not supported`,
      );
    return 'btf_id';
  }
  if (pointed.kind === 'func_proto') return 'callback';
  const sized = isSizeOf(env, kfunc, index + 1);
  const plain = isScalarType(pointed) || isScalarStruct(kfunc.btf, pointed, 0);
  if (!plain && !(sized && pointed.kind === 'void'))
    env.fail(
      'EINVAL',
      `arg#${index} pointer type ${kindName(pointed)} ${pointed.name} must point to ${sized ? 'void, ' : ''}scalar, or struct with scalar`,
    );
  return sized ? 'mem_size' : 'mem';
}

/** The kernel's own struct of the context, which the program's stands for. */
function isKernelContext(env: Env, pointed: BtfType): boolean {
  return pointed.kind === 'struct' && pointed.name === PROJECTIONS[contextStruct(env.program.type) ?? ''];
}

// biome-ignore format: aligned table
export const KERNEL_CONTEXTS: Readonly<Record<string, string>> = {
  __sk_buff: 'sk_buff', xdp_md: 'xdp_buff', bpf_sock: 'sock', bpf_sock_addr: 'bpf_sock_addr_kern', bpf_sock_ops: 'bpf_sock_ops_kern', sk_msg_md: 'sk_msg',
  pt_regs: 'pt_regs', bpf_perf_event_data: 'bpf_perf_event_data_kern', bpf_sysctl: 'bpf_sysctl_kern', bpf_sockopt: 'bpf_sockopt_kern',
  sk_reuseport_md: 'sk_reuseport_kern', bpf_sk_lookup: 'bpf_sk_lookup_kern', bpf_nf_ctx: 'bpf_nf_ctx', bpf_cgroup_dev_ctx: 'bpf_cgroup_dev_ctx',
};

function isSizeOf(env: Env, { params, btf }: Kfunc, index: number): boolean {
  const param = params[index];
  if (param === undefined || !isScalarType(skipModifiers(btf, param.typeId)[0])) return false;
  return env.reg(index + 1).kind === 'scalar' && (param.name.endsWith('__sz') || param.name.endsWith('__szk'));
}

const MAX_NESTING = 4;

export function isScalarStruct(btf: Btf, type: BtfType, depth: number): boolean {
  if (!isComposite(type) || depth >= MAX_NESTING) return false;
  return type.members.every(({ typeId }) => {
    const [member] = skipModifiers(btf, typeId);
    if (isComposite(member)) return isScalarStruct(btf, member, depth + 1);
    if (member.kind === 'array') return member.length > 0 && isScalarType(skipModifiers(btf, member.typeId)[0]);
    return isScalarType(member);
  });
}

function checkKind(env: Env, meta: KfuncMeta, pointer: Pointer, kind: ArgKind, nullable: boolean): void {
  const { kfunc } = meta;
  const { index, regno, name } = pointer;
  const reg = env.reg(regno);
  switch (kind) {
    case 'ctx':
      if (reg.kind !== 'ctx')
        env.fail('EINVAL', `arg#${index} expected pointer to ctx, but got ${kindText(reg.kind, reg.flags)}`);
      return;
    case 'alloc':
      allocatedArgument(env, meta, reg, index);
      return;
    case 'dynptr':
      dynptrOf(env, meta, regno, name);
      return;
    case 'iter':
      if (kfunc.name === 'bpf_iter_css_task_new' && !maySeeCssTasks(env))
        env.fail('EINVAL', 'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs');
      meta.iter = iterArgument(env, kfunc, regno);
      if (meta.iter !== undefined)
        meta.refObjId = env.state.frames[meta.iter.frameno]?.slot(meta.iter.spi).reg.refObjId ?? 0;
      return;
    case 'list_head':
    case 'rb_root':
      rootArgument(env, meta, reg, index, kind);
      return;
    case 'list_node':
    case 'rb_node':
      nodeArgument(env, meta, reg, index, kind);
      return;
    case 'map':
    case 'btf_id':
      structArgument(env, meta, pointer, kind);
      return;
    case 'mem': {
      const size = sizeOf(kfunc.btf, pointer.pointedId);
      if (size === undefined) env.fail('EINVAL', `arg#${index} reference type size cannot be determined: -22`);
      checkMemoryArgument(env, regno, size);
      return;
    }
    case 'mem_size':
      sizedArgument(env, meta, pointer, nullable);
      return;
    case 'callback':
      if (reg.kind !== 'func') env.fail('EINVAL', `arg${index} expected pointer to func`);
      meta.subprogno = reg.subprogno;
      return;
    case 'refcounted':
      refcountedArgument(env, meta, reg, index);
      return;
    case 'const_str':
      if (reg.kind !== 'map_value') env.fail('EINVAL', `arg#${index} doesn't point to a const string`);
      checkConstString(env, regno);
      return;
    case 'wq':
      workQueueArgument(env, meta, reg, index);
      return;
    case 'irq_flag':
      irqArgument(
        env,
        regno,
        kfunc.name === 'bpf_local_irq_save' || kfunc.name === 'bpf_res_spin_lock_irqsave' ? 'save' : 'restore',
        kfunc.name.startsWith('bpf_res') ? 'lock' : 'native',
      );
      return;
    case 'res_spin_lock': {
      if (reg.kind !== 'map_value' && !reg.isAllocated)
        env.fail('EINVAL', `arg#${index} doesn't point to map value or allocated object`);
      const use = kfunc.name.includes('_unlock') ? 'unlock' : 'lock';
      // It may fail: the lock is taken on the path where it did not.
      lockArgument(env, regno, use, kfunc.name.includes('irq') ? 'res_lock_irq' : 'res_lock');
      return;
    }
    default:
  }
}

function allocatedArgument(env: Env, meta: KfuncMeta, reg: Reg, index: number): void {
  const { name } = meta.kfunc;
  if (reg.kind === 'btf_id' && reg.flags === ALLOC) {
    if (name !== 'bpf_obj_drop_impl') env.fail('EINVAL', `arg#${index} expected for bpf_obj_drop_impl()`);
  } else if (reg.kind === 'btf_id' && reg.flags === (ALLOC | PERCPU)) {
    if (name !== 'bpf_percpu_obj_drop_impl') env.fail('EINVAL', `arg#${index} expected for bpf_percpu_obj_drop_impl()`);
  } else env.fail('EINVAL', `arg#${index} expected pointer to allocated object`);
  if (reg.refObjId === 0) env.fail('EINVAL', 'allocated object must be referenced');
  meta.argBtf = reg.btf;
  meta.argType = reg.btfId;
}

function dynptrOf(env: Env, meta: KfuncMeta, regno: number, param: string): void {
  const { name } = meta.kfunc;
  const reg = env.reg(regno);
  if (reg.kind !== 'stack' && reg.kind !== 'dynptr')
    env.fail('EINVAL', `arg#${regno - 1} expected pointer to stack or const struct bpf_dynptr`);
  if (!param.endsWith('__uninit')) {
    dynptrArgument(env, regno, { uninit: false, rdonly: reg.kind === 'dynptr' });
    meta.dynptr = dynptrAt(env, env.reg(regno));
    return;
  }
  if (name === 'bpf_dynptr_clone') {
    const kind = meta.dynptr?.dynptr?.kind ?? 'local';
    if (reg.kind !== 'stack') dynptrArgument(env, regno, { uninit: true, rdonly: false });
    initializeDynptr(env, regno, kind, meta.dynptr);
    return;
  }
  const kind =
    name === 'bpf_dynptr_from_skb'
      ? 'skb'
      : name === 'bpf_dynptr_from_xdp'
        ? 'xdp'
        : name === 'bpf_dynptr_from_skb_meta'
          ? 'skb_meta'
          : 'local';
  dynptrArgument(env, regno, { uninit: true, rdonly: false, dynptr: kind });
}

function maySeeCssTasks(env: Env): boolean {
  return (
    env.program.type === 'lsm' ||
    (env.program.type === 'tracing' && env.program.attachType === attachTypeNumber.trace_iter) ||
    env.isSleepable
  );
}

function rootArgument(env: Env, meta: KfuncMeta, reg: Reg, index: number, kind: 'list_head' | 'rb_root'): void {
  const isOwn = reg.kind === 'btf_id' && reg.flags === ALLOC;
  if (!(reg.kind === 'map_value' && reg.flags === 0) && !isOwn)
    env.fail('EINVAL', `arg#${index} expected pointer to map value or allocated object`);
  if (isOwn && reg.refObjId === 0) env.fail('EINVAL', 'allocated object must be referenced');
  const text = `bpf_${kind}`;
  if (!reg.num.isConst)
    env.fail('EINVAL', `R${index + 1} doesn't have constant offset. ${text} has to be at the constant offset`);
  const at = reg.off + reg.num.smin.number;
  const fields = fieldsAt(env, reg);
  const field = fields.find((found) => found.kind === kind && found.offset === at);
  if (field === undefined) env.fail('EINVAL', `${text} not found at offset=${at}`);
  const lock = fields.find((found) => found.kind === 'spin_lock' || found.kind === 'res_spin_lock');
  if (!isLocked(env, reg)) env.fail('EINVAL', `bpf_spin_lock at off=${lock?.offset ?? 0} must be held for ${text}`);
  meta.root = field;
}

function nodeArgument(env: Env, meta: KfuncMeta, reg: Reg, index: number, kind: 'list_node' | 'rb_node'): void {
  const { name } = meta.kfunc;
  const isOwn = reg.kind === 'btf_id' && reg.flags === ALLOC;
  if (name === 'bpf_rbtree_remove') {
    if (inTreeCallback(env)) env.fail('EINVAL', 'bpf_rbtree_remove not allowed in rbtree cb');
    if (!reg.isNonOwning && reg.refObjId === 0)
      env.fail('EINVAL', `${name} can only take non-owning or refcounted bpf_rb_node pointer`);
  } else if (name === 'bpf_rbtree_left' || name === 'bpf_rbtree_right') {
    if (inTreeCallback(env)) env.fail('EINVAL', `${name} not allowed in rbtree cb`);
    if (!reg.isNonOwning && reg.refObjId === 0)
      env.fail('EINVAL', `${name} can only take non-owning or refcounted bpf_rb_node pointer`);
  } else {
    if (!isOwn) env.fail('EINVAL', `arg#${index} expected pointer to allocated object`);
    if (reg.refObjId === 0) env.fail('EINVAL', 'allocated object must be referenced');
  }
  const text = `bpf_${kind}`;
  if (!reg.num.isConst)
    env.fail('EINVAL', `R${index + 1} doesn't have constant offset. ${text} has to be at the constant offset`);
  const at = reg.off + reg.num.smin.number;
  if (!fieldsAt(env, reg).some((found) => found.kind === kind && found.offset === at))
    env.fail('EINVAL', `${text} not found at offset=${at}`);
  const graph = meta.root?.graph;
  if (graph === undefined || reg.btf === undefined) env.fail('EFAULT', 'no list or tree');
  const struct = graph.btf.type(graph.typeId).name;
  if (!structMatches(reg.btf, reg.btfId, 0, graph.btf, graph.typeId, true))
    env.fail(
      'EINVAL',
      `operation on bpf_${kind === 'list_node' ? 'list_head' : 'rb_root'} expects arg#1 ${text} at offset=${graph.nodeOffset} in struct ${struct}, but arg is at offset=${at} in struct ${reg.btf.type(reg.btfId).name}`,
    );
  meta.argBtf = reg.btf;
  meta.argType = reg.btfId;
  if (at !== graph.nodeOffset)
    env.fail('EINVAL', `arg#1 offset=${at}, but expected ${text} at offset=${graph.nodeOffset} in struct ${struct}`);
}

/** The kernel's struct of sockets and of maps. */
const STRUCT_OF: Readonly<Record<string, string>> = {
  socket: 'sock',
  sock_common: 'sock_common',
  tcp_sock: 'tcp_sock',
  map_ptr: 'bpf_map',
};

function structArgument(env: Env, meta: KfuncMeta, { index, regno, pointed, pointedId }: Pointer, kind: ArgKind): void {
  const { kfunc } = meta;
  const reg = env.reg(regno);
  const unsafe = (reg.flags & ~(TRUSTED | ALLOC | NON_OWN_REF)) !== 0;
  const stands = STRUCT_OF[reg.kind];
  if ((reg.kind !== 'btf_id' || (unsafe && !reg.has(RCU))) && stands === undefined)
    env.fail(
      'EINVAL',
      `arg#${index} is ${kindText(reg.kind, reg.flags)} expected ${kindText(reg.kind, reg.flags & TRUSTED)} or socket`,
    );
  if (kind === 'map') return;
  const kernel = env.program.kernelBtf;
  const btf = reg.kind === 'btf_id' ? reg.btf : kernel;
  const typeId = reg.kind === 'btf_id' ? reg.btfId : (kernel?.find('struct', stands ?? '') ?? 0);
  if (btf === undefined) env.fail('EINVAL', `arg#${index} has no type`);
  const [given, givenId] = skipModifiers(btf, typeId);
  const alias =
    given.name.replace(/___init$/, '') === pointed.name.replace(/___init$/, '') && given.name !== pointed.name;
  const strict = (kfunc.flags.has('release') && reg.refObjId !== 0) || alias;
  const same = structMatches(btf, givenId, reg.off, kfunc.btf, pointedId, strict);
  const projection = PROJECTIONS[pointed.name] === given.name;
  if (!same && !projection)
    env.fail(
      'EINVAL',
      `kernel function ${kfunc.name} args#${index} expected pointer to ${kindName(pointed)} ${pointed.name} but R${regno} has a pointer to ${kindName(given)} ${given.name}`,
    );
}

const PROJECTIONS: Readonly<Record<string, string>> = { __sk_buff: 'sk_buff', xdp_md: 'xdp_buff' };

function sizedArgument(env: Env, meta: KfuncMeta, { index, regno, name }: Pointer, nullable: boolean): void {
  const sizeRegno = regno + 1;
  const sizeParam = meta.kfunc.params[index + 1]?.name ?? '';
  if (!env.reg(regno).isNull || !(name.endsWith('__opt') && nullable)) {
    try {
      checkSizedArgument(env, sizeRegno);
    } catch (error) {
      if (error instanceof Refusal) {
        env.note(error.message);
        env.fail(error.code, `arg#${index} arg#${index + 1} memory, len pair leads to invalid memory access`);
      }
      throw error;
    }
  }
  if (!sizeParam.endsWith('__szk')) return;
  const size = env.reg(sizeRegno);
  if (!size.num.isConst) env.fail('EINVAL', `R${sizeRegno} must be a known constant`);
  meta.constant = size.num.value.unsigned;
}

function refcountedArgument(env: Env, meta: KfuncMeta, reg: Reg, index: number): void {
  if (!reg.isAllocated || reg.has(MAYBE_NULL)) env.fail('EINVAL', `arg#${index} is neither owning or non-owning ref`);
  if (!reg.isNonOwning && reg.refObjId !== 0) meta.owningRef = true;
  const fields = reg.btf === undefined ? [] : structFields(env, reg.btf, reg.btfId);
  if (!fields.some(({ kind }) => kind === 'refcount'))
    env.fail('EINVAL', `arg#${index} doesn't point to a type with bpf_refcount field`);
  meta.argBtf = reg.btf;
  meta.argType = reg.btfId;
}

function workQueueArgument(env: Env, meta: KfuncMeta, reg: Reg, index: number): void {
  if (reg.kind !== 'map_value' || reg.flags !== 0) env.fail('EINVAL', `arg#${index} doesn't point to a map value`);
  const field = reg.map?.fields.find(({ kind }) => kind === 'wq');
  const at = reg.off + reg.num.smin.number;
  if (field?.offset !== at)
    env.fail('EINVAL', `off ${at} doesn't point to 'struct bpf_wq' that is at ${field?.offset ?? -1}`);
  meta.map = reg.map;
  meta.mapUid = reg.mapUid;
}
