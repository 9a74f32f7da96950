import { accessTypedContext, hasTypedContext } from './btf-context.ts';
import { contextAccess } from './context-access.ts';
import type { Env } from './env.ts';
import { type Access, checkPointerOffset } from './memory.ts';
import { MAYBE_NULL, Reg, type RegKind, TRUSTED, UNKNOWN } from './reg.ts';

/** A load from the context, or a store to it: `offset` is within the context. */
export function accessContext(env: Env, reg: Reg, access: Access): void {
  const { regno, offset, size, write, value } = access;
  checkPointerOffset(env, reg, regno, false);
  const loaded = hasTypedContext(env)
    ? accessTypedContext(env, offset, size, write)
    : accessPlainContext(env, offset, size, write, access.signed === true);
  if (loaded === undefined) {
    env.fail('EACCES', `invalid bpf_context access off=${offset} size=${size}`);
    return;
  }
  if (!write && value >= 0) env.setReg(value, loaded.mayBeNull ? loaded.with({ id: env.newId() }) : loaded);
}

/** What each kind of member of a context is when it is loaded. */
const KINDS: Readonly<Record<string, { readonly kind: RegKind; readonly flags?: number }>> = {
  packet: { kind: 'packet' },
  packet_meta: { kind: 'packet_meta' },
  packet_end: { kind: 'packet_end' },
  socket: { kind: 'socket' },
  socket_or_null: { kind: 'socket', flags: MAYBE_NULL },
  sock_common: { kind: 'sock_common' },
  sock_common_or_null: { kind: 'sock_common', flags: MAYBE_NULL },
  flow_keys: { kind: 'flow_keys' },
  tp_buffer: { kind: 'tp_buffer' },
};

function accessPlainContext(env: Env, off: number, size: number, write: boolean, signed: boolean): Reg | undefined {
  const { type, attachType } = env.program;
  const found = contextAccess(type, attachType, { off, size, write });
  // A pointer is not sign-extended.
  if (found === undefined || (signed && found.kind !== 'scalar')) return undefined;
  const known = KINDS[found.kind];
  if (known !== undefined) return Reg.pointer(known.kind, { flags: known.flags ?? 0 });
  if (found.kind === 'btf') {
    const struct = env.structNamed(off === 0 ? 'nf_hook_state' : 'sk_buff');
    return struct && Reg.pointer('btf_id', { ...struct, flags: TRUSTED });
  }
  return UNKNOWN;
}
