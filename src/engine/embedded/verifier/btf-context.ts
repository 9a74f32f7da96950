import type { Btf, BtfType } from '../../../btf/index.ts';
import type { BtfFuncProto } from '../../../btf/types.ts';
import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { isComposite, isScalarType, skipModifiers } from './btf-walk.ts';
import type { Env } from './env.ts';
import { Int64 } from './int64.ts';
import { lsmResultRange } from './lsm-hooks.ts';
import { MAYBE_NULL, PERCPU, RDONLY, Reg, TRUSTED, UNKNOWN, USER } from './reg.ts';
import { Scalar } from './scalar.ts';
import { promotedStruct } from './struct-ops.ts';

/** Arguments of a function that can be traced. */
const MAX_BPF_FUNC_ARGS = 12;

/** A function of the kernel, a tracepoint, a hook, or a function of a struct of functions: what a typed context is the arguments of. */
export interface Target {
  readonly name: string;
  readonly btf: Btf;
  readonly proto: BtfFuncProto;
  /** Of tracepoints: the first argument is not the program's. */
  readonly skipsFirst: boolean;
  /** What the context has instead of what the types say. By offset. */
  readonly overrides: ReadonlyMap<number, Override>;
  /** Of a member of a struct of functions. */
  readonly member?: { readonly struct: string; readonly name: string };
}

export interface Override {
  readonly kind: 'buf' | 'btf_id';
  readonly flags: number;
  readonly struct?: string;
}

/** Iterators: what they pass that may not be there any more. */
const ITERATED: Readonly<Record<string, readonly { readonly argument: number; readonly override: Override }[]>> = {
  bpf_iter_bpf_map_elem: [
    { argument: 2, override: { kind: 'buf', flags: RDONLY | MAYBE_NULL } },
    { argument: 3, override: { kind: 'buf', flags: MAYBE_NULL } },
  ],
  bpf_iter_bpf_sk_storage_map: [
    { argument: 2, override: { kind: 'btf_id', flags: MAYBE_NULL, struct: 'sock_common' } },
    { argument: 3, override: { kind: 'buf', flags: MAYBE_NULL } },
  ],
  bpf_iter_sockmap: [
    { argument: 2, override: { kind: 'buf', flags: RDONLY | MAYBE_NULL } },
    { argument: 3, override: { kind: 'btf_id', flags: MAYBE_NULL | TRUSTED, struct: 'sock' } },
  ],
};

/** Iterators whose object is trusted, and may be NULL at the end. */
const OBJECT_AT_1: Readonly<Record<string, { readonly struct: string; readonly trusted: boolean }>> = {
  bpf_iter_bpf_map: { struct: 'bpf_map', trusted: true },
  bpf_iter_bpf_prog: { struct: 'bpf_prog', trusted: true },
  bpf_iter_bpf_link: { struct: 'bpf_link', trusted: true },
  bpf_iter_task: { struct: 'task_struct', trusted: true },
  bpf_iter_cgroup: { struct: 'cgroup', trusted: true },
  bpf_iter_tcp: { struct: 'sock_common', trusted: true },
  bpf_iter_udp: { struct: 'udp_sock', trusted: true },
  bpf_iter_unix: { struct: 'unix_sock', trusted: true },
  bpf_iter_ipv6_route: { struct: 'fib6_info', trusted: false },
  bpf_iter_netlink: { struct: 'netlink_sock', trusted: true },
  bpf_iter_ksym: { struct: 'kallsym_iter', trusted: false },
  bpf_iter_kmem_cache: { struct: 'kmem_cache', trusted: true },
  bpf_iter_dmabuf: { struct: 'dma_buf', trusted: true },
};

/** Arguments of tracepoints that may be NULL, counted from 0. */
const NULL_ARGUMENTS: Readonly<Record<string, readonly number[]>> = {
  sched_pi_setprio: [1],
  sched_stick_numa: [2],
  sched_swap_numa: [2],
  task_prctl_unknown: [],
  kfree_skb: [3],
  tcp_send_reset: [0, 1],
  tcp_sendmsg_locked: [],
  tcp_receive_reset: [],
  consume_skb: [],
  block_plug: [],
};

export function hasTypedContext(env: Env): boolean {
  const { type } = env.program;
  return type === 'tracing' || type === 'lsm' || type === 'struct_ops';
}

/** What is attached to; `undefined` if it is not said. Worked out once. */
export function targetOf(env: Env): Target | undefined {
  if (env.target === undefined) env.target = findTarget(env) ?? null;
  return env.target ?? undefined;
}

function findTarget(env: Env): Target | undefined {
  const { target, type, attachType } = env.program;
  if (target === undefined) return undefined;
  const { btf, typeId } = target;
  const found = btf.type(typeId);
  if (type === 'struct_ops') return memberTarget(btf, found, attachType);
  const skipsFirst = attachType === attachTypeNumber.trace_raw_tp;
  const [proto] = skipsFirst && found.kind === 'typedef' ? pointee(btf, found) : prototype(btf, found);
  if (proto?.kind !== 'func_proto') return undefined;
  const name = skipsFirst ? found.name.replace(/^btf_trace_/, '') : found.name;
  return { name, btf, proto, skipsFirst, overrides: overridesOf(found.name) };
}

function prototype(btf: Btf, type: BtfType): [BtfType | undefined] {
  return [type.kind === 'func' ? btf.type(type.typeId) : undefined];
}

function pointee(btf: Btf, type: BtfType & { readonly typeId: number }): [BtfType | undefined] {
  const pointer = btf.resolve(type.typeId);
  return [pointer.kind === 'ptr' ? btf.resolve(pointer.typeId) : undefined];
}

function memberTarget(btf: Btf, struct: BtfType, index: number): Target | undefined {
  if (struct.kind !== 'struct') return undefined;
  const member = struct.members[index];
  if (member === undefined) return undefined;
  const pointer = btf.resolve(member.typeId);
  const proto = pointer.kind === 'ptr' ? btf.resolve(pointer.typeId) : undefined;
  if (proto?.kind !== 'func_proto') return undefined;
  return {
    name: member.name,
    btf,
    proto,
    skipsFirst: false,
    overrides: stubOverrides(btf, struct.name, member.name),
    member: { struct: struct.name, name: member.name },
  };
}

/** The names of the arguments of the function that stands in for a member say which may be NULL. */
function stubOverrides(btf: Btf, struct: string, member: string): ReadonlyMap<number, Override> {
  const overrides = new Map<number, Override>();
  const id = btf.find('func', `${struct}__${member}`);
  const stub = id === undefined ? undefined : btf.type(id);
  const proto = stub?.kind === 'func' ? btf.type(stub.typeId) : undefined;
  if (proto?.kind !== 'func_proto') return overrides;
  for (const [i, { name, typeId }] of proto.params.entries()) {
    if (!name.endsWith('__nullable')) continue;
    const pointer = btf.resolve(typeId);
    const type = pointer.kind === 'ptr' ? btf.resolve(pointer.typeId) : undefined;
    if (type !== undefined && isComposite(type))
      overrides.set(8 * i, { kind: 'btf_id', flags: TRUSTED | MAYBE_NULL, struct: type.name });
  }
  return overrides;
}

function overridesOf(name: string): ReadonlyMap<number, Override> {
  const overrides = new Map<number, Override>();
  for (const { argument, override } of ITERATED[name] ?? []) overrides.set(8 * argument, override);
  const object = OBJECT_AT_1[name];
  if (object !== undefined)
    overrides.set(8, {
      kind: 'btf_id',
      flags: MAYBE_NULL | (object.trusted ? TRUSTED : 0),
      struct: object.struct,
    });
  return overrides;
}

/** An argument of what is attached to; `undefined`: it must not be read so. */
export function accessTypedContext(env: Env, offset: number, size: number, write: boolean): Reg | undefined {
  if (offset < 0 || offset >= 8 * MAX_BPF_FUNC_ARGS || offset % size !== 0 || write) return undefined;
  const target = targetOf(env);
  if (target === undefined) return UNKNOWN;
  const { name, btf, proto, skipsFirst } = target;
  if (offset % 8 !== 0) return refuse(env, `func '${name}' offset ${offset} is not multiple of 8`);
  const params = skipsFirst ? proto.params.slice(1) : proto.params;
  const argument = offset / 8;
  if (argument > params.length) return refuse(env, `func '${name}' doesn't have ${argument + 1}-th argument`);
  const param = params[argument];
  const typeId = param === undefined ? resultType(env, target, argument) : param.typeId;
  if (typeof typeId !== 'number') return typeId;
  const [type] = skipModifiers(btf, typeId);
  if (isScalarType(type) || isComposite(type)) return param === undefined ? resultOf(env, target) : UNKNOWN;
  if (type.kind !== 'ptr') {
    if (type.kind === 'void')
      return refuse(env, `func '${name}' arg${argument} '' has type VOID. Only pointer access is allowed`);
    return refuse(
      env,
      `func '${name}' arg${argument} '${type.name}' has type ${type.kind.toUpperCase()}. Only pointer access is allowed`,
    );
  }
  if (size !== 8) return refuse(env, `func '${name}' size ${size} must be 8`);
  return pointerArgument(env, target, argument, param?.name ?? '', type.typeId);
}

/** A hook of LSM has returned what it may return. */
function resultOf(env: Env, { name }: Target): Reg {
  const isHook = env.program.type === 'lsm' && env.program.attachType === attachTypeNumber.lsm_mac;
  const range = isHook ? lsmResultRange(name) : undefined;
  if (range === undefined) return UNKNOWN;
  const num = new Scalar();
  [num.s32min, num.s32max] = range;
  num.smin = Int64.fromInt(range[0]);
  num.smax = Int64.fromInt(range[1]);
  return Reg.scalar(num.sync());
}

/** The result of a function is behind its arguments, for those that run after it. */
function resultType(env: Env, { name, btf, proto }: Target, argument: number): number | Reg | undefined {
  const { attachType } = env.program;
  if (
    attachType === attachTypeNumber.trace_fexit ||
    attachType === attachTypeNumber.lsm_mac ||
    attachType === attachTypeNumber.lsm_cgroup
  )
    return proto.returns;
  if (attachType === attachTypeNumber.modify_return) {
    const [type] = skipModifiers(btf, proto.returns);
    return isScalarType(type)
      ? proto.returns
      : refuse(env, `ret type ${type.kind.toUpperCase()} not allowed for fmod_ret`);
  }
  return refuse(env, `func '${name}' doesn't have ${argument + 1}-th argument`);
}

function pointerArgument(
  env: Env,
  target: Target,
  argument: number,
  param: string,
  pointeeId: number,
): Reg | undefined {
  const { name, btf } = target;
  const override = target.overrides.get(8 * argument);
  if (override?.kind === 'buf') return Reg.pointer('buf', { flags: override.flags });
  const [pointed, btfId] = skipModifiers(btf, pointeeId);
  if (pointed.kind === 'void' || pointed.kind === 'int') return UNKNOWN;
  if (override !== undefined) {
    const id = override.struct === undefined ? undefined : btf.find('struct', override.struct);
    return id === undefined ? undefined : Reg.pointer('btf_id', { btf, btfId: id, flags: override.flags });
  }
  let flags = argumentsAreTrusted(env) ? TRUSTED : 0;
  if (param.endsWith('__nullable')) flags |= MAYBE_NULL;
  if (target.skipsFirst && NULL_ARGUMENTS[name]?.includes(argument) === true) flags |= MAYBE_NULL;
  const tag = btf.type(pointeeId);
  if (tag.kind === 'type_tag') flags |= tag.name === 'user' ? USER : tag.name === 'percpu' ? PERCPU : 0;
  if (!isComposite(pointed))
    return refuse(env, `func '${name}' arg${argument} type ${pointed.kind.toUpperCase()} is not a struct`);
  env.log.trace(
    () => `func '${name}' arg${argument} has btf_id ${btfId} type ${pointed.kind.toUpperCase()} '${pointed.name}'`,
  );
  const promoted = promotedStruct(env, pointed.name);
  return Reg.pointer('btf_id', {
    btf,
    btfId: promoted === pointed.name ? btfId : (btf.find('struct', promoted) ?? btfId),
    flags,
  });
}

function argumentsAreTrusted(env: Env): boolean {
  const { type, attachType } = env.program;
  if (type === 'struct_ops') return true;
  if (type === 'lsm') return !UNTRUSTED_HOOKS.has(targetOf(env)?.name ?? '');
  return attachType === attachTypeNumber.trace_raw_tp || attachType === attachTypeNumber.trace_iter;
}

/** Hooks of LSM that pass objects which are being taken down. */
const UNTRUSTED_HOOKS: ReadonlySet<string> = new Set([
  'bpf_lsm_bpf_map_free',
  'bpf_lsm_bpf_prog_free',
  'bpf_lsm_file_alloc_security',
  'bpf_lsm_file_free_security',
  'bpf_lsm_sk_alloc_security',
  'bpf_lsm_sk_free_security',
  'bpf_lsm_task_free',
]);

function refuse(env: Env, message: string): undefined {
  env.note(message);
  return undefined;
}
