import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Btf, parseBtf } from '../btf/index.ts';
import type { Struct, StructFields } from '../bytes/struct.ts';
import * as contexts from './contexts.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const absent = existsSync(VMLINUX) ? undefined : `${VMLINUX} is not there`;
if (absent !== undefined) console.log(`skipped: the kernel's own layout of contexts: ${absent}`);

/** bpfSockAddr → bpf_sock_addr. */
const cName = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe.skipIf(absent !== undefined)("the kernel's own layout of contexts", () => {
  const btf = absent === undefined ? parseBtf(readFileSync(VMLINUX)) : undefined;

  it.each(Object.entries<Struct<StructFields>>(contexts).map(([name, struct]) => [cName(name), struct] as const))(
    'struct %s',
    (name, { size, fields }) => {
      const id = btf?.find('struct', name) ?? 0;
      expect(btf?.size(id)).toBe(size);
      const theirs = btf === undefined ? new Map() : members(btf, id);
      // `cookie` and `args` are members of unions within; so is what x86 calls by several names.
      for (const [field, [kind, offset]] of Object.entries(fields))
        expect([field, theirs.get(field)]).toEqual([field, { offset, size: SIZES[kind] ?? Number(/\d+/.exec(kind)) }]);
    },
  );
});

const SIZES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8 };

/** The members by name, with those of unnamed structs and unions within. Bytes. */
function members(btf: Btf, id: number, at = 0): Map<string, { offset: number; size: number }> {
  const type = btf.resolve(id);
  const found = new Map<string, { offset: number; size: number }>();
  if (type.kind !== 'struct' && type.kind !== 'union') return found;
  for (const member of type.members) {
    const offset = at + member.bitOffset / 8;
    if (member.name === '') for (const [name, place] of members(btf, member.typeId, offset)) found.set(name, place);
    else found.set(member.name, { offset, size: btf.size(member.typeId) });
  }
  return found;
}
