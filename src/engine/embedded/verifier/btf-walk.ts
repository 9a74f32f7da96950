import type { Btf, BtfType } from '../../../btf/index.ts';
import type { BtfArray, BtfComposite, BtfMember } from '../../../btf/types.ts';
import type { ErrnoCode } from '../../../uapi/errno.ts';
import { PERCPU, RCU, UNTRUSTED, USER } from './reg.ts';

/** What is at an offset of a struct. */
export type Found =
  | { readonly kind: 'scalar' }
  /** A pointer to a struct. `flags`: what the pointer is, as far as the types say. */
  | { readonly kind: 'pointer'; readonly typeId: number; readonly flags: number; readonly field: string }
  /** A pointer to something else. */
  | { readonly kind: 'untrusted' }
  | { readonly kind: 'struct'; readonly typeId: number }
  | { readonly kind: 'error'; readonly code: ErrnoCode; readonly message: string };

const TAGS: Readonly<Record<string, number>> = { user: USER, percpu: PERCPU, rcu: RCU };
/** Structs within structs that are gone into. */
const MAX_NESTING = 64;

/** Goes into nested structs until something is found that is none. */
export function accessStruct(btf: Btf, typeId: number, offset: number, size: number): Found {
  let id = typeId;
  let at = offset;
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    const found = walkStruct(btf, id, at, size);
    if (found.kind !== 'struct') return found;
    id = found.typeId;
    at = 0;
  }
  return error('EINVAL', `struct ${btf.type(typeId).name} nests too deep`);
}

/** The member at an offset; a struct that starts there is answered as such. */
export function walkStruct(btf: Btf, typeId: number, offset: number, size: number): Found {
  let struct = skipModifiers(btf, typeId)[0];
  let at = offset;
  let flags = 0;
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    if (!isComposite(struct)) return error('EINVAL', `Type '${struct.name}' is not a struct`);
    if (struct.kind === 'union' && struct.members.length !== 1) flags |= UNTRUSTED;
    if (at + size > struct.size) {
      const inner = flexible(btf, struct, at);
      if (inner === undefined)
        return error('EACCES', `access beyond struct ${nameText(struct)} at off ${at} size ${size}`);
      if (inner.struct === undefined) return { kind: 'scalar' };
      struct = inner.struct;
      at = inner.offset;
      continue;
    }
    const found = findMember(btf, struct, at, size, flags);
    if (!('inside' in found)) return found;
    struct = found.inside;
    at = found.offset;
  }
  return error('EINVAL', `struct ${btf.type(typeId).name} nests too deep`);
}

/** What is behind the end of a struct that ends in an array without length. */
function flexible(
  btf: Btf,
  struct: BtfComposite,
  at: number,
): { readonly struct: BtfComposite | undefined; readonly offset: number } | undefined {
  const last = struct.members[struct.members.length - 1];
  if (last === undefined) return undefined;
  const array = skipModifiers(btf, last.typeId)[0];
  if (array.kind !== 'array' || array.length !== 0) return undefined;
  const start = Math.floor(last.bitOffset / 8);
  if (at < start) return undefined;
  const element = skipModifiers(btf, array.typeId)[0];
  if (element.kind === 'int') return { struct: undefined, offset: 0 };
  if (!isComposite(element) || element.size === 0) return undefined;
  return { struct: element, offset: (at - start) % element.size };
}

function findMember(
  btf: Btf,
  struct: BtfComposite,
  at: number,
  size: number,
  flags: number,
): Found | { readonly inside: BtfComposite; readonly offset: number } {
  for (const member of struct.members) {
    let start = Math.floor(member.bitOffset / 8);
    if (at + size <= start) break;
    if (member.bitSize !== 0) {
      const end = Math.ceil((member.bitOffset + member.bitSize) / 8);
      if (at <= start && end <= at + size) return { kind: 'scalar' };
      continue;
    }
    if (at < start) break;
    const whole = sizeOf(btf, member.typeId);
    if (whole === undefined) return error('EFAULT', `field ${member.name} doesn't have size`);
    const end = start + whole;
    if (at >= end) continue;
    let [type, id] = skipModifiers(btf, member.typeId);
    let width = whole;
    if (type.kind === 'array') {
      [type, id] = elementOf(btf, type);
      const element = sizeOf(btf, id) ?? 0;
      if (element === 0) continue;
      start += Math.floor((at - start) / element) * element;
      width = element;
    }
    if (isComposite(type)) return at === start ? { kind: 'struct', typeId: id } : { inside: type, offset: at - start };
    if (type.kind === 'ptr') return pointerAt(btf, struct, member, { type, start, width, at, size, flags });
    if (at + size > end && (flags & UNTRUSTED) === 0)
      return error(
        'EACCES',
        `access beyond the end of member ${member.name} (mend:${end}) in struct ${nameText(struct)} with off ${at} size ${size}`,
      );
    return { kind: 'scalar' };
  }
  return error('EINVAL', `struct ${nameText(struct)} doesn't have field at offset ${at}`);
}

interface PointerPlace {
  readonly type: BtfType & { readonly typeId: number };
  readonly start: number;
  readonly width: number;
  readonly at: number;
  readonly size: number;
  readonly flags: number;
}

function pointerAt(btf: Btf, struct: BtfComposite, member: BtfMember, place: PointerPlace): Found {
  const { type, start, width, at, size, flags } = place;
  if (width !== size || at !== start)
    return error(
      'EACCES',
      `cannot access ptr member ${member.name} with moff ${start} in struct ${nameText(struct)} with off ${at} size ${size}`,
    );
  const next = btf.type(type.typeId);
  const tag = next.kind === 'type_tag' ? (TAGS[next.name] ?? 0) : 0;
  const [pointee, id] = skipModifiers(btf, type.typeId);
  if (!isComposite(pointee)) return { kind: 'untrusted' };
  return { kind: 'pointer', typeId: id, flags: flags | tag, field: member.name };
}

/** The type behind const, volatile, restrict, typedef and tags, and its id. */
export function skipModifiers(btf: Btf, typeId: number): [type: BtfType, id: number] {
  let id = typeId;
  let type = btf.type(id);
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    switch (type.kind) {
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'typedef':
      case 'type_tag':
        id = type.typeId;
        type = btf.type(id);
        break;
      default:
        return [type, id];
    }
  }
  return [type, id];
}

/** Bytes; `undefined` of what has no size. */
export function sizeOf(btf: Btf, typeId: number): number | undefined {
  try {
    return btf.size(typeId);
  } catch {
    return undefined;
  }
}

/** What the log calls a type. */
export function nameText({ name }: BtfType): string {
  return name === '' ? '(anon)' : name;
}

/** What the log calls a kind of types. */
export function kindName({ kind }: BtfType): string {
  return kind === 'void' ? 'UNKNOWN' : kind.toUpperCase();
}

export function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === 'struct' || type.kind === 'union';
}

/** Numbers: what fits into a register and is no pointer. */
export function isScalarType(type: BtfType): boolean {
  return type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64';
}

function elementOf(btf: Btf, array: BtfArray): [type: BtfType, id: number] {
  let [type, id] = skipModifiers(btf, array.typeId);
  while (type.kind === 'array') [type, id] = skipModifiers(btf, type.typeId);
  return [type, id];
}

function error(code: ErrnoCode, message: string): Found {
  return { kind: 'error', code, message };
}

/**
 * Whether a pointer to `typeId` plus `offset` is one to `wanted`: it is that struct, or a struct begins there that is. `strict`: the outermost one.
 */
export function structMatches(
  btf: Btf,
  typeId: number,
  offset: number,
  wantedBtf: Btf,
  wanted: number,
  strict: boolean,
): boolean {
  if (offset === 0 && sameType(btf, typeId, wantedBtf, wanted)) return true;
  if (strict) return false;
  let id = typeId;
  let at = offset;
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    const found = walkStruct(btf, id, at, 1);
    if (found.kind !== 'struct') return false;
    if (sameType(btf, found.typeId, wantedBtf, wanted)) return true;
    id = found.typeId;
    at = 0;
  }
  return false;
}

export function sameType(a: Btf, aId: number, b: Btf, bId: number): boolean {
  if (a === b) return aId === bId;
  return false;
}
