import type { BtfType } from './types.ts';

/** The ids that a type refers to, in the order of its record; 0 (void) among them. */
export function typeIds(type: BtfType): readonly number[] {
  const ids: number[] = [];
  mapTypeIds(type, (id) => {
    ids.push(id);
    return id;
  });
  return ids;
}

/** The same type with every id that it refers to replaced. */
export function mapTypeIds(type: BtfType, map: (id: number) => number): BtfType {
  switch (type.kind) {
    case 'void':
    case 'int':
    case 'enum':
    case 'enum64':
    case 'fwd':
    case 'float':
      return type;
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
    case 'func':
    case 'var':
    case 'decl_tag':
      return { ...type, typeId: map(type.typeId) };
    case 'array':
      return { ...type, typeId: map(type.typeId), indexTypeId: map(type.indexTypeId) };
    case 'struct':
    case 'union':
      return { ...type, members: type.members.map((member) => ({ ...member, typeId: map(member.typeId) })) };
    case 'func_proto':
      return {
        ...type,
        returns: map(type.returns),
        params: type.params.map((param) => ({ ...param, typeId: map(param.typeId) })),
      };
    case 'datasec':
      return { ...type, variables: type.variables.map((entry) => ({ ...entry, typeId: map(entry.typeId) })) };
  }
}
