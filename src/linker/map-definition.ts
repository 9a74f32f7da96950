import { ObjectError } from '../errors.ts';
import { type Agreed, resolve, type TypeRef, typeAt, typeConflict } from './match.ts';

/**
 * Why two definitions of a map (variables of a `.maps` section) are not the same, or `undefined` if they are. A declaration has to repeat every
 * attribute.
 */
export function mapConflict(a: TypeRef, b: TypeRef, agreed: Agreed): string | undefined {
  return definitionConflict(structOf(a), structOf(b), '', agreed);
}

/** Far more than there are. */
const MAX_ATTRIBUTES = 64;
/** Attributes that are a number: `int (*name)[N]`; left out they are 0. */
const NUMBERS = ['type', 'key_size', 'value_size', 'max_entries', 'map_flags', 'numa_node', 'pinning', 'map_extra'];

function definitionConflict(a: TypeRef, b: TypeRef, prefix: string, agreed: Agreed): string | undefined {
  const [mine, theirs] = [attributes(a), attributes(b)];
  for (const name of new Set([...mine.keys(), ...theirs.keys()])) {
    const [left, right] = [mine.get(name), theirs.get(name)];
    const conflict = NUMBERS.includes(name)
      ? numberConflict(left, right)
      : name === 'values'
        ? valuesConflict(left, right, prefix, agreed)
        : typesConflict(left, right, agreed);
    if (conflict !== undefined) return conflict.startsWith('its ') ? conflict : `its ${prefix}${name} ${conflict}`;
  }
  return undefined;
}

function numberConflict(a: TypeRef | undefined, b: TypeRef | undefined): string | undefined {
  const [left, right] = [a === undefined ? 0n : number(a), b === undefined ? 0n : number(b)];
  return left === right ? undefined : `is ${left} and ${right}`;
}

/** A key or a value. */
function typesConflict(a: TypeRef | undefined, b: TypeRef | undefined, agreed: Agreed): string | undefined {
  if (a === undefined || b === undefined) return 'is in one of the definitions only';
  const conflict = typeConflict(pointee(a), pointee(b), agreed);
  return conflict === undefined ? undefined : `differs: ${conflict}`;
}

/** The map within a map of maps. */
function valuesConflict(
  a: TypeRef | undefined,
  b: TypeRef | undefined,
  prefix: string,
  agreed: Agreed,
): string | undefined {
  if (a === undefined || b === undefined) return 'is in one of the definitions only';
  const [left, right] = [innerStruct(a), innerStruct(b)];
  if (left === undefined || right === undefined)
    return left === right ? undefined : 'holds maps in one of the definitions only';
  if (prefix !== '') throw new ObjectError('a map of maps of maps cannot be compared', { section: '.maps' });
  return definitionConflict(left, right, 'inner ', agreed);
}

/** The members of a definition by name. */
function attributes(struct: TypeRef): Map<string, TypeRef> {
  const type = typeAt(struct);
  const members = type.kind === 'struct' ? type.members : [];
  if (members.length > MAX_ATTRIBUTES)
    throw new ObjectError(`a map has ${members.length} attributes; ${MAX_ATTRIBUTES} can be compared`, {
      section: '.maps',
    });
  return new Map(members.map(({ name, typeId }) => [name, { types: struct.types, id: typeId }]));
}

function structOf({ types, id }: TypeRef): TypeRef {
  const variable = typeAt({ types, id });
  if (variable.kind === 'var') {
    const struct = resolve({ types, id: variable.typeId });
    if (typeAt(struct).kind === 'struct') return struct;
  }
  throw new ObjectError(`${variable.name || `type ${id}`} is no definition of a map`, { section: '.maps' });
}

/** `int (*name)[N]`, or for 64 bits an enum with one value. */
function number(ref: TypeRef): bigint {
  const type = typeAt(resolve(ref));
  if (type.kind === 'enum' || type.kind === 'enum64') return type.values[0]?.value ?? 0n;
  const array = typeAt(resolve(pointee(ref)));
  return array.kind === 'array' ? BigInt(array.length) : 0n;
}

function pointee(ref: TypeRef): TypeRef {
  const pointer = typeAt(resolve(ref));
  return { types: ref.types, id: pointer.kind === 'ptr' ? pointer.typeId : 0 };
}

/** `struct { … } *values[0]`; `undefined` where the elements point at something else. */
function innerStruct(ref: TypeRef): TypeRef | undefined {
  const array = typeAt(resolve(ref));
  if (array.kind !== 'array') return undefined;
  const inner = resolve(pointee({ types: ref.types, id: array.typeId }));
  return typeAt(inner).kind === 'struct' ? inner : undefined;
}
