import { MAYBE_NULL, PERCPU, RCU, RDONLY, type RegKind, RINGBUF, TRUSTED, UNTRUSTED, USER } from './reg.ts';

/** How the log calls what a register holds. */
// biome-ignore format: aligned table
const NAMES: Readonly<Record<RegKind, string>> = {
  not_init: '?', scalar: 'scalar', ctx: 'ctx', map_ptr: 'map_ptr', map_value: 'map_value', map_key: 'map_key', stack: 'fp', packet: 'pkt',
  packet_meta: 'pkt_meta', packet_end: 'pkt_end', flow_keys: 'flow_keys', socket: 'sock', sock_common: 'sock_common', tcp_sock: 'tcp_sock',
  xdp_sock: 'xdp_sock', tp_buffer: 'tp_buffer', btf_id: 'ptr_', mem: 'mem', arena: 'arena', buf: 'buf', func: 'func', dynptr: 'dynptr_ptr',
};

const PREFIXES = [
  [RDONLY, 'rdonly_'],
  [RINGBUF, 'ringbuf_'],
  [USER, 'user_'],
  [PERCPU, 'percpu_'],
  [RCU, 'rcu_'],
  [UNTRUSTED, 'untrusted_'],
  [TRUSTED, 'trusted_'],
] as const;

export function kindText(kind: RegKind, flags: number): string {
  if (flags === 0) return NAMES[kind];
  const prefix = PREFIXES.map(([flag, text]) => ((flags & flag) === 0 ? '' : text)).join('');
  const suffix = (flags & MAYBE_NULL) === 0 ? '' : kind === 'btf_id' ? 'or_null_' : '_or_null';
  return `${prefix}${NAMES[kind]}${suffix}`;
}
