import type { Btf, BtfType } from '../../../btf/index.ts';
import type { ProgType } from '../../../uapi/bpf.ts';
import { isComposite, isScalarType, kindName, sizeOf, skipModifiers } from './btf-walk.ts';
import type { Env } from './env.ts';
import { MAYBE_NULL, RDONLY, Reg, TRUSTED, UNKNOWN, UNTRUSTED } from './reg.ts';

/** What a global function takes, as its types and tags say. */
export type SubprogArg =
  | { readonly kind: 'scalar' | 'ctx' | 'dynptr' | 'arena' }
  | { readonly kind: 'mem'; readonly size: number; readonly nullable: boolean; readonly untrusted: boolean }
  | {
      readonly kind: 'btf_id';
      readonly btf: Btf | undefined;
      readonly typeId: number;
      readonly nullable: boolean;
      readonly untrusted: boolean;
    };

const MAX_ARGUMENTS = 5;

/** The struct of each type's context. */
// biome-ignore format: aligned table
const CONTEXTS: Readonly<Partial<Record<ProgType, string>>> = {
  socket_filter: '__sk_buff', sched_cls: '__sk_buff', sched_act: '__sk_buff', lwt_in: '__sk_buff', lwt_out: '__sk_buff', lwt_xmit: '__sk_buff',
  lwt_seg6local: '__sk_buff', cgroup_skb: '__sk_buff', sk_skb: '__sk_buff', flow_dissector: '__sk_buff', xdp: 'xdp_md', cgroup_sock: 'bpf_sock',
  cgroup_sock_addr: 'bpf_sock_addr', sock_ops: 'bpf_sock_ops', sk_msg: 'sk_msg_md', kprobe: 'pt_regs', perf_event: 'bpf_perf_event_data',
  raw_tracepoint: 'bpf_raw_tracepoint_args', raw_tracepoint_writable: 'bpf_raw_tracepoint_args', cgroup_device: 'bpf_cgroup_dev_ctx',
  cgroup_sysctl: 'bpf_sysctl', cgroup_sockopt: 'bpf_sockopt', sk_reuseport: 'sk_reuseport_md', sk_lookup: 'bpf_sk_lookup', netfilter: 'bpf_nf_ctx',
};

/** Works it out once; refuses what cannot be checked. */
export function prepareArgs(env: Env, subprogno: number): readonly SubprogArg[] {
  const subprog = env.subprog(subprogno);
  if (subprog.args !== undefined) return subprog.args;
  const { btf, funcInfo } = env.program;
  const info = funcInfo?.[subprogno];
  if (btf === undefined || info === undefined) return env.fail('EINVAL', `func#${subprogno} has no types`);
  const func = btf.type(info.typeId);
  const proto = func.kind === 'func' ? btf.type(func.typeId) : undefined;
  if (func.kind !== 'func' || proto?.kind !== 'func_proto')
    return env.fail('EFAULT', `Couldn't validate function of type ${func.kind}`);
  const { name } = func;
  if (proto.params.length > MAX_ARGUMENTS)
    env.fail(
      'EINVAL',
      `Global function ${name}() with ${proto.params.length} > ${MAX_ARGUMENTS} args. Buggy compiler.`,
    );
  const [result] = skipModifiers(btf, proto.returns);
  if (!isScalarType(result))
    env.fail('EINVAL', `Global function ${name}() doesn't return scalar. Only those are supported.`);
  if (subprog.isExceptionCallback) {
    const [only] = proto.params;
    if (proto.params.length !== 1 || only === undefined || !isScalarType(skipModifiers(btf, only.typeId)[0]))
      env.fail('EINVAL', 'exception cb only supports single integer argument');
  }
  const args = proto.params.map(({ typeId }, i) => prepareArg(env, btf, { funcId: info.typeId, name }, i, typeId));
  subprog.args = args;
  return args;
}

interface Owner {
  readonly funcId: number;
  readonly name: string;
}

function prepareArg(env: Env, btf: Btf, { funcId, name }: Owner, index: number, typeId: number): SubprogArg {
  const tags = tagsOf(env, btf, funcId, index);
  const [type] = skipModifiers(btf, typeId);
  if (type.kind === 'ptr') return preparePointer(env, btf, index, type, tags);
  if (tags.size > 0) env.fail('EINVAL', `arg#${index} has pointer tag, but is not a pointer type`);
  if (isScalarType(type)) return { kind: 'scalar' };
  return env.fail('EINVAL', `Arg#${index} type ${kindName(type)} in ${name}() is not supported yet.`);
}

function tagsOf(env: Env, btf: Btf, funcId: number, index: number): ReadonlySet<string> {
  const tags = new Set<string>();
  for (const tag of env.argTags(btf)) {
    if (tag.func !== funcId || tag.component !== index) continue;
    if (!['ctx', 'trusted', 'nonnull', 'nullable', 'arena', 'untrusted'].includes(tag.name)) {
      env.fail('EOPNOTSUPP', `arg#${index} has unsupported set of tags`);
    }
    tags.add(tag.name);
  }
  return tags;
}

function preparePointer(
  env: Env,
  btf: Btf,
  index: number,
  type: BtfType & { readonly typeId: number },
  tags: ReadonlySet<string>,
): SubprogArg {
  const only = (name: string): void => {
    if ([...tags].some((tag) => tag !== name)) env.fail('EINVAL', `arg#${index} has invalid combination of tags`);
  };
  if (tags.has('ctx') || isContextPointer(env, btf, type)) {
    only('ctx');
    return { kind: 'ctx' };
  }
  const [pointed, pointedId] = skipModifiers(btf, type.typeId);
  if (pointed.kind === 'struct' && pointed.name === 'bpf_dynptr') {
    only('');
    return { kind: 'dynptr' };
  }
  if (tags.has('trusted')) {
    if (tags.has('nonnull')) env.fail('EINVAL', `arg#${index} has invalid combination of tags`);
    return { kind: 'btf_id', ...kernelStruct(env, index, pointed), nullable: tags.has('nullable'), untrusted: false };
  }
  if (tags.has('untrusted')) {
    if (tags.size > 1) env.fail('EINVAL', `arg#${index} untrusted cannot be combined with any other tags`);
    if (pointed.kind === 'void' || pointed.kind === 'int')
      return { kind: 'mem', size: 0, nullable: false, untrusted: true };
    return { kind: 'btf_id', ...kernelStruct(env, index, pointed), nullable: false, untrusted: true };
  }
  if (tags.has('arena')) {
    if (tags.size > 1) env.fail('EINVAL', `arg#${index} arena cannot be combined with any other tags`);
    return { kind: 'arena' };
  }
  if (tags.has('nullable')) env.fail('EINVAL', `arg#${index} has invalid combination of tags`);
  const size = sizeOf(btf, pointedId);
  if (size === undefined || pointed.kind === 'void' || pointed.kind === 'fwd')
    return env.fail(
      'EINVAL',
      `arg#${index} reference type('${kindName(pointed)} ${pointed.name}') size cannot be determined: -22`,
    );
  return { kind: 'mem', size, nullable: !tags.has('nonnull'), untrusted: false };
}

/** The kernel's struct of that name: flavours (`___`) left out. */
function kernelStruct(
  env: Env,
  index: number,
  type: BtfType,
): { readonly btf: Btf | undefined; readonly typeId: number } {
  const btf = env.program.kernelBtf;
  const name = type.name.replace(/___.*$/, '');
  const typeId = isComposite(type) ? btf?.find(type.kind, name) : undefined;
  if (btf === undefined || typeId === undefined)
    return env.fail('EINVAL', `arg#${index} type '${type.name}' is not in the kernel's types`);
  return { btf, typeId };
}

export function isContextPointer(env: Env, btf: Btf, type: BtfType & { readonly typeId: number }): boolean {
  const { type: progType } = env.program;
  if (progType === 'kprobe') {
    for (let next = btf.type(type.typeId); 'typeId' in next && next.kind !== 'ptr'; next = btf.type(next.typeId)) {
      if (next.kind === 'typedef' && next.name === 'bpf_user_pt_regs_t') return true;
      if (next.kind === 'array' || next.kind === 'func' || next.kind === 'var' || next.kind === 'decl_tag') break;
    }
  }
  const [pointed] = skipModifiers(btf, type.typeId);
  return pointed.kind === 'struct' && pointed.name !== '' && pointed.name === CONTEXTS[progType];
}

/** The context's struct, by the type of a program. */
export function contextStruct(type: ProgType): string | undefined {
  return CONTEXTS[type];
}

/** What stands in the register of an argument while the function is checked by itself. */
export function registerOf(env: Env, arg: SubprogArg): Reg {
  switch (arg.kind) {
    case 'scalar':
      return UNKNOWN;
    case 'ctx':
      return Reg.pointer('ctx');
    case 'arena':
      return Reg.pointer('arena');
    case 'dynptr':
      return Reg.pointer('dynptr', { dynptr: { kind: 'local', first: true }, id: env.newId() });
    case 'mem':
      if (arg.untrusted) return Reg.pointer('mem', { flags: RDONLY | UNTRUSTED });
      return Reg.pointer('mem', {
        memSize: arg.size,
        flags: arg.nullable ? MAYBE_NULL : 0,
        id: arg.nullable ? env.newId() : 0,
      });
    case 'btf_id':
      return Reg.pointer('btf_id', {
        btf: arg.btf,
        btfId: arg.typeId,
        flags: (arg.untrusted ? UNTRUSTED : TRUSTED) | (arg.nullable ? MAYBE_NULL : 0),
        id: arg.nullable ? env.newId() : 0,
      });
  }
}
