import { BtfBuilder } from '../../src/btf/builder.ts';
import type { BtfMember } from '../../src/btf/types.ts';

/** A field of a map's value: its name decides nothing, its type all. Bytes from the start. */
export type Field = readonly [type: FieldType, offset: number];
export type FieldType = keyof typeof SIZES;

/** Bytes of what the kernel knows by its name in a value, and of others. */
// biome-ignore format: aligned table
const SIZES = {
  int: 4, long: 8, bpf_spin_lock: 4, bpf_res_spin_lock: 4, bpf_timer: 16, bpf_wq: 16, bpf_list_head: 16, bpf_rb_root: 16, bpf_refcount: 4, bpf_list_node: 24,
  bpf_spin_lock_8: 8, typedef_lock: 4, const_lock: 4, locks: 8, struct_of_lock: 4, kptr: 8, kptr_untrusted: 8, percpu_kptr: 8, uptr: 8, kptr_int: 8, kptr_fwd: 8,
} as const;

/** BTF of `struct value` with these fields: its bytes, and the numbers of the types. */
export function valueBtf(
  fields: readonly Field[],
  size: number,
): { readonly bytes: Uint8Array; readonly int: number; readonly value: number } {
  const builder = new BtfBuilder();
  const int = builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
  const long = builder.add({ kind: 'int', name: 'long', size: 8, bits: 64, bitOffset: 0, encoding: 'signed' });
  const member = (name: string, typeId: number, bytes: number): BtfMember => ({
    name,
    typeId,
    bitOffset: 8 * bytes,
    bitSize: 0,
  });
  const struct = (name: string, bytes: number, ...members: BtfMember[]): number =>
    builder.add({ kind: 'struct', name, size: bytes, members });
  const pointer = (tag: string, to: number): number =>
    builder.add({ kind: 'ptr', name: '', typeId: builder.add({ kind: 'type_tag', name: tag, typeId: to }) });
  const lock = (): number => struct('bpf_spin_lock', 4, member('val', int, 0));
  const local = (): number => struct('skep_local', 8, member('x', long, 0));
  const typeOf = (type: FieldType): number => {
    switch (type) {
      case 'int':
        return int;
      case 'long':
        return long;
      case 'bpf_spin_lock_8':
        return struct('bpf_spin_lock', 8, member('val', long, 0));
      case 'typedef_lock':
        return builder.add({ kind: 'typedef', name: 'lock_t', typeId: lock() });
      case 'const_lock':
        return builder.add({ kind: 'const', name: '', typeId: lock() });
      case 'locks':
        return builder.add({ kind: 'array', name: '', typeId: lock(), indexTypeId: int, length: 2 });
      case 'struct_of_lock':
        return struct('around', 4, member('lock', lock(), 0));
      case 'kptr':
      case 'kptr_untrusted':
      case 'percpu_kptr':
      case 'uptr':
        return pointer(type, local());
      case 'kptr_int':
        return pointer('kptr', int);
      case 'kptr_fwd':
        return pointer('kptr', builder.add({ kind: 'fwd', name: 'skep_other', of: 'struct' }));
      default:
        return struct(type, SIZES[type]);
    }
  };
  const value = struct('value', size, ...fields.map(([type, offset], i) => member(`f${i}`, typeOf(type), offset)));
  return { bytes: builder.bytes(), int, value };
}
