import { type Btf, MAX_RESOLVE } from './btf.ts';
import type { BtfType } from './types.ts';

/** Types that lead to another are sorted as that one; no real chain is as long. */
const MAX_CHAIN = 4 * MAX_RESOLVE;
const LAST = 10;

/**
 * The ids of a BTF's own types as bpftool sorts them for C: constants, enums, numbers, structs, functions, each with the typedefs for them and by name.
 * So the headers of two kernels differ where their types do, and not where their ids do.
 */
export function sortForC(btf: Btf): number[] {
  const keys = Array.from(btf.ownIds(), (id) => keyOf(btf, id));
  return keys.sort(compareKeys).map(({ id }) => id);
}

interface Key {
  readonly id: number;
  readonly rank: number;
  /** That of the type that it leads to. */
  readonly name: string;
  readonly ownName: string;
}

function compareKeys(a: Key, b: Key): number {
  return a.rank - b.rank || compareText(a.name, b.name) || compareText(a.ownName, b.ownName) || a.id - b.id;
}

/** By code units, as C compares. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function keyOf(btf: Btf, id: number): Key {
  const own = btf.type(id);
  const named = own.name !== '';
  let type = own;
  for (let n = 0; leadsOn(type) && n < MAX_CHAIN; n++) type = btf.type(type.typeId);
  const constant = (own.kind === 'enum' || own.kind === 'enum64') && !named ? own.values[0]?.name : undefined;
  const rank = leadsOn(own) && !named ? LAST : rankOf(type, named);
  return { id, rank, name: constant ?? type.name, ownName: own.name };
}

function leadsOn(type: BtfType): type is BtfType & { readonly typeId: number } {
  switch (type.kind) {
    case 'typedef':
    case 'ptr':
    case 'array':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'type_tag':
    case 'decl_tag':
      return true;
    default:
      return false;
  }
}

function rankOf(type: BtfType, named: boolean): number {
  switch (type.kind) {
    case 'enum':
    case 'enum64':
      return named ? 1 : 0;
    case 'int':
    case 'float':
      return 2;
    case 'struct':
    case 'union':
      return named ? 3 : LAST;
    case 'func_proto':
      return named ? 4 : LAST;
    default:
      return LAST;
  }
}
