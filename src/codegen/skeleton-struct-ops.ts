import { type Btf, type BtfMember, type CDeclarations, cIdentifier } from '../btf/index.ts';
import { resolvedId } from '../btf/print-c-names.ts';
import { ObjectError } from '../errors.ts';

/**
 * How user space sees the struct of a struct_ops map before the load: numbers as they are, functions as the programs that take their place, and
 * bytes for all else.
 */
export interface ShadowStruct {
  /** `NAME__MAP__STRUCT`. */
  readonly name: string;
  /** Declarations without semicolons. */
  readonly members: readonly string[];
}

/** `prefix`: what the struct's name starts with. Throws ObjectError if it is no struct, or its members overlap. */
export function shadowStruct(btf: Btf, declarations: CDeclarations, typeId: number, prefix: string): ShadowStruct {
  const struct = btf.resolve(typeId);
  if (struct.kind !== 'struct') throw new ObjectError(`type ${typeId} of a struct_ops map is no struct`);
  const members: string[] = [];
  let end = 0;
  const add = (text: string) => {
    declarations.charge(text.length);
    members.push(text);
  };
  const fill = (to: number) => {
    if (to < end) throw new ObjectError(`members of struct ${struct.name} overlap`);
    if (to > end) add(`char __unnamed_${members.length}[${to - end}]`);
    end = to;
  };
  for (const member of struct.members) {
    const text = declaration(btf, declarations, member);
    if (text === undefined) continue;
    fill(member.bitOffset / 8);
    add(text);
    end += btf.size(member.typeId);
  }
  fill(struct.size);
  return { name: `${prefix}__${cIdentifier(struct.name)}`, members };
}

/** `undefined`: a member of a kind that user space cannot set. */
function declaration(btf: Btf, declarations: CDeclarations, member: BtfMember): string | undefined {
  if (member.name === '' || member.bitSize !== 0 || member.bitOffset % 8 !== 0) return undefined;
  const id = resolvedId(btf, member.typeId);
  const type = btf.type(id);
  const ident = cIdentifier(member.name);
  switch (type.kind) {
    case 'int':
    case 'float':
    case 'enum':
    case 'enum64':
      return declarations.declare(id, ident, 3, false);
    case 'ptr':
      return btf.resolve(type.typeId).kind === 'func_proto' ? `struct bpf_program *${ident}` : undefined;
    default:
      return undefined;
  }
}
