import type { Btf } from './btf.ts';
import { MAX_DEPTH } from './decode.ts';
import type { BtfComposite, BtfMember, BtfType } from './types.ts';

/** Where two types put different things: a path from the top (`.port`, `[]`, empty for the whole), and what each has there. */
export interface LayoutDifference {
  readonly path: string;
  readonly a: string;
  readonly b: string;
}

/**
 * The first place where values of two types mean different things to whoever reads them: other members, at other offsets, of other kinds. Names of types do
 * not count, nor what pointers lead to. `undefined`: they mean the same.
 */
export function layoutDifference(a: Btf, aId: number, b: Btf, bId: number): LayoutDifference | undefined {
  return compare(a, aId, b, bId, '', 0);
}

function compare(a: Btf, aId: number, b: Btf, bId: number, path: string, depth: number): LayoutDifference | undefined {
  const [x, y] = [a.resolve(aId), b.resolve(bId)];
  const differ = { path, a: describe(x), b: describe(y) };
  if (depth > MAX_DEPTH) return undefined;
  switch (x.kind) {
    case 'int':
      return y.kind === 'int' && x.size === y.size && x.bits === y.bits && x.encoding === y.encoding
        ? undefined
        : differ;
    case 'enum':
    case 'enum64':
      return isEnum(y) && x.size === y.size && sameValues(x, y) ? undefined : differ;
    case 'float':
      return y.kind === 'float' && x.size === y.size ? undefined : differ;
    case 'array':
      if (y.kind !== 'array' || x.length !== y.length) return differ;
      return compare(a, x.typeId, b, y.typeId, `${path}[]`, depth + 1);
    case 'struct':
    case 'union':
      return y.kind === x.kind && x.size === y.size ? compareMembers(a, x, b, y, path, depth) : differ;
    default:
      return x.kind === y.kind ? undefined : differ;
  }
}

function compareMembers(
  a: Btf,
  x: BtfComposite,
  b: Btf,
  y: BtfComposite,
  path: string,
  depth: number,
): LayoutDifference | undefined {
  for (let i = 0; i < Math.max(x.members.length, y.members.length); i++) {
    const [m, n] = [x.members[i], y.members[i]];
    if (
      m === undefined ||
      n === undefined ||
      m.name !== n.name ||
      m.bitOffset !== n.bitOffset ||
      m.bitSize !== n.bitSize
    ) {
      return { path: path === '' ? '.' : path, a: describeMember(a, m), b: describeMember(b, n) };
    }
    const found = compare(a, m.typeId, b, n.typeId, m.name === '' ? path : `${path}.${m.name}`, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isEnum(type: BtfType): type is Extract<BtfType, { values: unknown }> {
  return type.kind === 'enum' || type.kind === 'enum64';
}

type Enum = Extract<BtfType, { values: unknown }>;

function sameValues(x: Enum, y: Enum): boolean {
  return (
    x.values.length === y.values.length &&
    x.values.every(({ name, value }, i) => y.values[i]?.name === name && y.values[i]?.value === value)
  );
}

function describeMember(btf: Btf, member: BtfMember | undefined): string {
  if (member === undefined) return 'no more members';
  const bits = member.bitSize > 0 ? ` : ${member.bitSize}` : '';
  return `${member.name || '(anonymous)'}${bits} (${describe(btf.resolve(member.typeId))}) at ${member.bitOffset / 8}`;
}

function describe(type: BtfType): string {
  switch (type.kind) {
    case 'int':
      return `${type.encoding === 'signed' ? 's' : type.encoding === 'none' ? 'u' : `${type.encoding} `}${type.bits}`;
    case 'array':
      return `array of ${type.length}`;
    case 'struct':
    case 'union':
      return `${type.kind} ${type.name || '(anonymous)'} of ${type.size} bytes`;
    default:
      return type.name === '' ? type.kind : `${type.kind} ${type.name}`;
  }
}
