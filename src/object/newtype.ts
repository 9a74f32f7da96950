import type { Btf, BtfType } from '../btf/index.ts';

/** Rust wraps a definition in a few structs; a file could go on for ever. */
const MAX_DEPTH = 8;

/** The type without its modifiers, and without the structs around it whose only member it is. */
export function unwrapped(btf: Btf, typeId: number): BtfType {
  let type = btf.resolve(typeId);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const [only, more] = type.kind === 'struct' ? type.members : [];
    const inside = only === undefined || more !== undefined ? undefined : btf.resolve(only.typeId);
    if (inside?.kind !== 'struct') break;
    type = inside;
  }
  return type;
}
