import type { BtfComposite, BtfFuncProto, BtfType } from '../btf/index.ts';
import { ObjectError } from '../errors.ts';

/** A type and the object that it is of. */
export interface TypeRef {
  /** By id, void first. */
  readonly types: readonly BtfType[];
  readonly id: number;
}

/**
 * Pairs of types of the same two objects that agree, or else the link has failed: they need not be compared again for another symbol. Start with
 * an empty set.
 */
export type Agreed = Set<string>;

/** Pairs of types that are compared for one object: hostile types pair up without end. */
const MAX_PAIRS = 1 << 18;
/** References from one type to the next. */
const MAX_RESOLVE = 64;

/**
 * Why two declarations of one symbol cannot mean the same, or `undefined` if they can. Typedefs and qualifiers do not count, nor what parameters are
 * called; structs are compared member by member, but behind a pointer by name only, and a forward declaration will do. The rules are libbpf's.
 */
export function typeConflict(a: TypeRef, b: TypeRef, agreed: Agreed): string | undefined {
  const pairs: Pair[] = [{ a: a.id, b: b.id, isExact: true }];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const key = `${pair.a} ${pair.b} ${pair.isExact}`;
    if (agreed.has(key)) continue;
    agreed.add(key);
    if (agreed.size > MAX_PAIRS) throw new ObjectError('types are too large to be compared', { section: '.BTF' });
    const left = typeAt(resolve({ ...a, id: pair.a }));
    const right = typeAt(resolve({ ...b, id: pair.b }));
    const inner = compare(left, right, pair.isExact);
    if (typeof inner === 'string') return inner;
    pairs.push(...inner);
  }
  return undefined;
}

interface Pair {
  readonly a: number;
  readonly b: number;
  /** Not behind a pointer. */
  readonly isExact: boolean;
}

/** Kinds whose names have to agree. */
const NAMED: ReadonlySet<string> = new Set(['struct', 'union', 'enum', 'enum64', 'fwd', 'func', 'var']);

/** What is wrong, or the pairs that have to agree further on. */
function compare(a: BtfType, b: BtfType, isExact: boolean): string | readonly Pair[] {
  if (!isExact && (a.kind === 'fwd') !== (b.kind === 'fwd'))
    return isForwardOf(a, b) || isForwardOf(b, a) ? [] : differ(a, b);
  if (a.kind !== b.kind || (NAMED.has(a.kind) && a.name !== b.name)) return differ(a, b);
  switch (a.kind) {
    case 'int':
    case 'float':
    case 'enum':
    case 'enum64':
      // Neither encoding nor values.
      return a.kind === b.kind && a.size !== b.size ? `${a.kind} ${a.name} has ${a.size} and ${b.size} bytes` : [];
    case 'ptr':
      return b.kind === 'ptr' ? [{ a: a.typeId, b: b.typeId, isExact: false }] : [];
    case 'array':
      return b.kind === 'array' ? [{ a: a.typeId, b: b.typeId, isExact }] : [];
    case 'func':
    case 'var':
      if (b.kind !== 'func' && b.kind !== 'var') return [];
      if ((a.linkage === 0) !== (b.linkage === 0)) return `${a.kind} ${a.name} is static in one of them`;
      return [{ a: a.typeId, b: b.typeId, isExact }];
    case 'struct':
    case 'union':
      if (!isExact || (b.kind !== 'struct' && b.kind !== 'union')) return [];
      return compareMembers(a, b);
    case 'func_proto':
      return b.kind === 'func_proto' ? compareParameters(a, b, isExact) : [];
    case 'void':
    case 'fwd':
      return [];
    default:
      return `a ${a.kind} cannot be compared`;
  }
}

function compareMembers(a: BtfComposite, b: BtfComposite): string | readonly Pair[] {
  const what = `${a.kind} ${a.name || '(anonymous)'}`;
  if (a.members.length !== b.members.length) return `${what} has ${a.members.length} and ${b.members.length} members`;
  const pairs: Pair[] = [];
  for (const [i, member] of a.members.entries()) {
    const other = b.members[i] ?? member;
    if (member.name !== other.name) return `member ${i} of ${what} is called ${member.name} and ${other.name}`;
    if (member.bitOffset !== other.bitOffset || member.bitSize !== other.bitSize)
      return `member ${member.name} of ${what} is at different places`;
    pairs.push({ a: member.typeId, b: other.typeId, isExact: true });
  }
  return pairs;
}

function compareParameters(a: BtfFuncProto, b: BtfFuncProto, isExact: boolean): string | readonly Pair[] {
  if (a.params.length !== b.params.length) return `it has ${a.params.length} and ${b.params.length} parameters`;
  const params = a.params.map(({ typeId }, i) => ({ a: typeId, b: b.params[i]?.typeId ?? 0, isExact }));
  return [...params, { a: a.returns, b: b.returns, isExact }];
}

function isForwardOf(forward: BtfType, full: BtfType): boolean {
  return forward.kind === 'fwd' && forward.name === full.name && forward.of === full.kind;
}

function differ(a: BtfType, b: BtfType): string {
  const text = ({ kind, name }: BtfType) => `${kind} ${name}`.trimEnd();
  return `its type is ${text(a)} and ${text(b)}`;
}

/** The type behind typedefs, qualifiers and tags. */
export function resolve({ types, id }: TypeRef): TypeRef {
  let at = id;
  for (let n = 0; n < MAX_RESOLVE; n++) {
    const type = typeAt({ types, id: at });
    switch (type.kind) {
      case 'typedef':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        at = type.typeId;
        break;
      default:
        return { types, id: at };
    }
  }
  throw new ObjectError(`type ${id} goes through more than ${MAX_RESOLVE} typedefs and qualifiers, or in a circle`, {
    section: '.BTF',
  });
}

/** Throws ObjectError if there is no such type. */
export function typeAt({ types, id }: TypeRef): BtfType {
  const type = types[id];
  if (type === undefined)
    throw new ObjectError(`there is no type ${id}; the last is ${types.length - 1}`, { section: '.BTF' });
  return type;
}
