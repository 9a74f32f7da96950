import type { Btf, BtfType } from '../../../btf/index.ts';
import type { BtfFuncProto } from '../../../btf/types.ts';
import { attachTypeNumber } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';
import { isComposite, isScalarType, kindName, nameText, skipModifiers } from './btf-walk.ts';
import type { Env } from './env.ts';
import { Int64 } from './int64.ts';
import { lsmResultRange } from './lsm-hooks.ts';
import { MAYBE_NULL, PERCPU, RDONLY, Reg, TRUSTED, UNKNOWN, USER } from './reg.ts';
import { Scalar } from './scalar.ts';
import { promotedStruct } from './struct-ops.ts';
import { doubtsOf } from './tracepoint-arguments.ts';

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

/** Arguments of iterators that may not be there any more: at their end, all. Source: ctx_arg_info of each target. */
const ITERATED: Readonly<Record<string, readonly { readonly argument: number; readonly override: Override }[]>> = {
  bpf_iter_bpf_map: [{ argument: 1, override: object('bpf_map', TRUSTED) }],
  bpf_iter_bpf_map_elem: [
    { argument: 2, override: { kind: 'buf', flags: RDONLY | MAYBE_NULL } },
    { argument: 3, override: { kind: 'buf', flags: MAYBE_NULL } },
  ],
  bpf_iter_bpf_prog: [{ argument: 1, override: object('bpf_prog') }],
  bpf_iter_bpf_link: [{ argument: 1, override: object('bpf_link') }],
  bpf_iter_bpf_sk_storage_map: [
    { argument: 2, override: object('sock_common') },
    { argument: 3, override: { kind: 'buf', flags: MAYBE_NULL } },
  ],
  bpf_iter_sockmap: [
    { argument: 2, override: { kind: 'buf', flags: RDONLY | MAYBE_NULL } },
    { argument: 3, override: object('sock', TRUSTED) },
  ],
  bpf_iter_task: [{ argument: 1, override: object('task_struct', TRUSTED) }],
  bpf_iter_task_file: [
    { argument: 1, override: object('task_struct') },
    { argument: 3, override: object('file') },
  ],
  bpf_iter_task_vma: [
    { argument: 1, override: object('task_struct') },
    { argument: 2, override: object('vm_area_struct') },
  ],
  bpf_iter_cgroup: [{ argument: 1, override: object('cgroup', TRUSTED) }],
  bpf_iter_tcp: [{ argument: 1, override: object('sock_common', TRUSTED) }],
  bpf_iter_udp: [{ argument: 1, override: object('udp_sock', TRUSTED) }],
  bpf_iter_unix: [{ argument: 1, override: object('unix_sock') }],
  bpf_iter_ipv6_route: [{ argument: 1, override: object('fib6_info') }],
  bpf_iter_netlink: [{ argument: 1, override: object('netlink_sock') }],
  bpf_iter_ksym: [{ argument: 1, override: object('kallsym_iter') }],
  bpf_iter_kmem_cache: [{ argument: 1, override: object('kmem_cache', TRUSTED) }],
  bpf_iter_dmabuf: [{ argument: 1, override: object('dma_buf') }],
};

function object(struct: string, trust = 0): Override {
  return { kind: 'btf_id', flags: MAYBE_NULL | trust, struct };
}

/** Helpers that programs of an iterator may call beside those of all tracing. */
export function iteratorHelpers(env: Env): readonly HelperName[] {
  const { type, attachType } = env.program;
  if (type !== 'tracing' || attachType !== attachTypeNumber.trace_iter) return [];
  return OF_SOCKETS.has(targetOf(env)?.name ?? '') ? ['setsockopt', 'getsockopt'] : [];
}
const OF_SOCKETS: ReadonlySet<string> = new Set(['bpf_iter_tcp', 'bpf_iter_unix']);

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
  return new Map((ITERATED[name] ?? []).map(({ argument, override }) => [8 * argument, override]));
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
      `func '${name}' arg${argument} '${type.name}' has type ${kindName(type)}. Only pointer access is allowed`,
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
    return isScalarType(type) ? proto.returns : refuse(env, `ret type ${kindName(type)} not allowed for fmod_ret`);
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
  const doubts = target.skipsFirst ? doubtsOf(name, argument) : undefined;
  if (doubts?.mayBeNull === true) flags |= MAYBE_NULL;
  const tag = btf.type(pointeeId);
  if (tag.kind === 'type_tag') flags |= tag.name === 'user' ? USER : tag.name === 'percpu' ? PERCPU : 0;
  if (!isComposite(pointed))
    return refuse(env, `func '${name}' arg${argument} type ${kindName(pointed)} is not a struct`);
  env.log.trace(
    () => `func '${name}' arg${argument} has btf_id ${btfId} type ${kindName(pointed)} '${nameText(pointed)}'`,
  );
  if (doubts?.mayBeError === true) {
    env.log.trace(() => `marking pointer arg${argument} as scalar as it may encode error`);
    return UNKNOWN;
  }
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
