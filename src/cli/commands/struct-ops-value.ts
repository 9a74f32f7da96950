import type { Btf, BtfFuncProto, BtfMember, BtfValue } from '../../btf/index.ts';

/** How far types are followed, which refer to one another. */
const MAX_DEPTH = 32;

/** What prints a decoded value of the kernel's types as bpftool does. */
export interface StructOpsStyle {
  readonly btf: Btf;
  /** For people: pointers in hex. */
  readonly plain: boolean;
  /** The name of a program's function. */
  programName(id: number): string;
}

/** A value with what pointers in it mean: a pointer to a function has the id of the program that is there. */
export function styled(style: StructOpsStyle, typeId: number, value: BtfValue): BtfValue {
  const type = style.btf.resolve(typeId);
  if (type.kind === 'ptr' && typeof value === 'bigint') return pointer(style, type.typeId, value);
  if (type.kind === 'array' && Array.isArray(value))
    return value.map((item: BtfValue) => styled(style, type.typeId, item));
  if ((type.kind !== 'struct' && type.kind !== 'union') || !isRecord(value)) return value;
  const types = new Map(namedMembers(style.btf, type.members, 0));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, styled(style, types.get(name) ?? 0, field)]),
  );
}

function isRecord(value: BtfValue): value is { readonly [member: string]: BtfValue } {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** With those of anonymous members, as a decoded value has them. */
function* namedMembers(btf: Btf, members: readonly BtfMember[], depth: number): Generator<[string, number]> {
  for (const { name, typeId } of members) {
    const type = name === '' && depth < MAX_DEPTH ? btf.resolve(typeId) : undefined;
    if (type?.kind === 'struct' || type?.kind === 'union') yield* namedMembers(btf, type.members, depth + 1);
    else yield [name, typeId];
  }
}

function pointer({ btf, plain, programName }: StructOpsStyle, typeId: number, value: bigint): BtfValue {
  const target = btf.resolve(typeId);
  if (target.kind === 'func_proto' && value <= 0xffffffffn) {
    const name = value === 0n ? '0' : `${programName(Number(value))}/prog_id:${value}`;
    return `${signature(btf, target, 0)} ${name}`;
  }
  if (!plain) return value;
  return value === 0n ? '(nil)' : `0x${value.toString(16)}`;
}

/** `u32 (struct sock *, int)`. */
function signature(btf: Btf, { returns, params }: BtfFuncProto, depth: number): string {
  const list = params.map(({ name, typeId }) => {
    if (typeId === 0) return '...';
    const text = typeText(btf, typeId, depth);
    return name === '' ? text.replace(/ $/, '') : `${text}${name}`;
  });
  return `${typeText(btf, returns, depth)}(${list.join(', ')})`;
}

/** A type with a blank behind it. */
function typeText(btf: Btf, typeId: number, depth: number): string {
  const type = btf.type(typeId);
  if (depth > MAX_DEPTH) return '... ';
  const of = (id: number) => typeText(btf, id, depth + 1);
  switch (type.kind) {
    case 'void':
      return 'void ';
    case 'ptr':
      return `${of(type.typeId)}* `;
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${of(type.typeId)}`;
    case 'type_tag':
      return of(type.typeId);
    case 'array':
      return `${of(type.typeId)}[${type.length}]`;
    case 'func_proto':
      return signature(btf, type, depth + 1);
    case 'struct':
    case 'union':
      return `${type.kind} ${type.name} `;
    case 'enum':
    case 'enum64':
      return `enum ${type.name} `;
    case 'fwd':
      return `${type.of} ${type.name} `;
    default:
      return `${type.name} `;
  }
}
