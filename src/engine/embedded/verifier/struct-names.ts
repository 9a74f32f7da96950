import { type Btf, BtfBuilder, parseBtf } from '../../../btf/index.ts';
import { PROTOTYPES } from './prototype-table.ts';

let names: Btf | undefined;

/**
 * Where the kernel has no types of its own: the structs that helpers take and return, by name alone. A program may hand them on, and not look into
 * them.
 */
export function structNames(): Btf {
  if (names !== undefined) return names;
  const structs = new Set<string>([
    'sock_common',
    'sock',
    'tcp_sock',
    'bpf_map',
    'vm_area_struct',
    'nf_hook_state',
    'sk_buff',
  ]);
  for (const { returns, args } of Object.values(PROTOTYPES))
    for (const { struct } of [returns, ...args]) if (struct !== undefined) structs.add(struct);
  const builder = new BtfBuilder();
  for (const name of structs) builder.add({ kind: 'struct', name, size: 0, members: [] });
  names = parseBtf(builder.bytes());
  return names;
}
