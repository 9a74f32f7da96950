import type { Btf, BtfType } from '../../../btf/index.ts';
import type { BtfFuncProto } from '../../../btf/types.ts';
import { BPF_F_XDP_DEV_BOUND_ONLY } from '../../../uapi/bpf.ts';
import type { Env } from './env.ts';
import { isKfuncCall } from './flow.ts';
import { KFUNCS, type KfuncFlag, mayCall } from './kfunc-table.ts';

/** A function of the kernel that the program calls. */
export interface Kfunc {
  readonly name: string;
  readonly btf: Btf;
  readonly typeId: number;
  readonly params: BtfFuncProto['params'];
  readonly returns: number;
  readonly flags: ReadonlySet<KfuncFlag>;
  readonly allowed: boolean;
  readonly iter: 'new' | 'next' | 'destroy' | undefined;
  readonly callback: 'sync' | 'async' | undefined;
  readonly sleepable: boolean;
  readonly changesPacket: boolean;
}

/** Functions that one program may call, at most. */
const MAX_KFUNCS = 256;
const CHANGES_PACKET: ReadonlySet<string> = new Set(['bpf_xdp_pull_data']);

/** Finds what each call of a function of the kernel calls. */
export function resolveKfuncs(env: Env): void {
  const seen = new Set<string>();
  for (let i = 0; i < env.insns.length; i++) {
    const insn = env.insnAt(i);
    if (!isKfuncCall(insn) || (insn.imm === 0 && insn.off === 0)) continue;
    if (env.program.kernelBtf === undefined)
      env.fail('ENOTSUPP', 'calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF');
    if (!env.program.gpl) env.fail('EINVAL', 'cannot call kernel function from non-GPL compatible program');
    const kfunc = resolveKfunc(env, insn.imm, insn.off);
    env.kfuncs.set(i, kfunc);
    seen.add(kfunc.name);
    if (seen.size > MAX_KFUNCS) env.fail('E2BIG', 'too many different kernel function calls');
  }
}

function resolveKfunc(env: Env, typeId: number, off: number): Kfunc {
  const btf = off === 0 ? env.program.kernelBtf : env.program.moduleBtf?.(off);
  if (btf === undefined) return env.fail('EINVAL', `failed to find BTF for kernel function`);
  const func = typeAt(btf, typeId);
  if (func?.kind !== 'func') return env.fail('EINVAL', `kernel btf_id ${typeId} is not a function`);
  const proto = btf.type(func.typeId);
  if (proto.kind !== 'func_proto')
    return env.fail('EINVAL', `kernel function btf_id ${typeId} does not have a valid func_proto`);
  const { name } = func;
  if (name.startsWith('bpf_xdp_metadata_rx_') && (env.program.flags & BPF_F_XDP_DEV_BOUND_ONLY) === 0)
    env.fail('EINVAL', 'metadata kfuncs require device-bound program');
  const row = KFUNCS.get(name);
  const flags = new Set(row?.flags ?? []);
  return {
    name,
    btf,
    typeId,
    params: proto.params,
    returns: proto.returns,
    flags,
    allowed: row !== undefined && mayCall(row, env.program.type, env.program.attachType),
    iter: flags.has('iter_new')
      ? 'new'
      : flags.has('iter_next')
        ? 'next'
        : flags.has('iter_destroy')
          ? 'destroy'
          : undefined,
    callback: name === 'bpf_rbtree_add_impl' ? 'sync' : name === 'bpf_wq_set_callback_impl' ? 'async' : undefined,
    sleepable: flags.has('sleepable'),
    changesPacket: CHANGES_PACKET.has(name),
  };
}

function typeAt(btf: Btf, id: number): BtfType | undefined {
  return id > 0 && id < btf.typeCount ? btf.type(id) : undefined;
}
