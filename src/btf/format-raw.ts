import type { Btf } from './btf.ts';
import type { BtfInt, BtfType } from './types.ts';

/** What bpftool's JSON says of one type. */
export type RawType = Readonly<
  Record<string, string | number | bigint | readonly Readonly<Record<string, string | number | bigint>>[]>
>;

const LINKAGE = ['static', 'global', 'extern'];
const ANONYMOUS = '(anon)';
/** Fields whose text has quotes around it. */
const QUOTED = new Set(['name']);

/**
 * One type as `bpftool btf dump` prints it: `[1] INT 'int' size=4 …`, and a line for each member, parameter, enumerator or variable after a tab.
 * Throws ObjectError if there is no such type.
 */
export function formatRaw(btf: Btf, id: number): string {
  const { head, parts } = describe(btf, id);
  // Only a var has a comma between its fields.
  const between = head.kind === 'VAR' ? ', ' : ' ';
  const { id: number, kind, name, ...fields } = head;
  const first = [`[${number}] ${kind} '${name}'`, Object.entries(fields).map(field).join(between)].filter(
    (text) => text !== '',
  );
  return [first.join(' '), ...parts.map((part) => `\t${part.text}`)].join('\n');
}

/** The same as {@link formatRaw}, as bpftool's JSON has it: `members`, `values`, `params` and `vars` are lists. */
export function rawJson(btf: Btf, id: number): RawType {
  const { head, list, parts } = describe(btf, id);
  return list === undefined ? head : { ...head, [list]: parts.map((part) => part.json) };
}

type Fields = Readonly<Record<string, string | number>>;

interface Part {
  readonly text: string;
  readonly json: Readonly<Record<string, string | number | bigint>>;
}

interface Description {
  readonly head: Fields & { readonly id: number; readonly kind: string; readonly name: string };
  /** The name of the list of parts in JSON. */
  readonly list?: 'members' | 'values' | 'params' | 'vars';
  readonly parts: readonly Part[];
}

function field([key, value]: readonly [string, string | number]): string {
  return QUOTED.has(key) ? `'${value}'` : `${key}=${value}`;
}

/** A part whose text is its name and its fields. */
function part(json: Fields): Part {
  return { text: Object.entries(json).map(field).join(' '), json };
}

function describe(btf: Btf, id: number): Description {
  const type = btf.type(id);
  const name = shown(type.name);
  const make = (fields: Fields, list?: Description['list'], parts: readonly Part[] = []): Description => ({
    head: { id, kind: type.kind.toUpperCase(), name, ...fields },
    ...(list !== undefined && { list }),
    parts,
  });
  switch (type.kind) {
    case 'void':
      return make({});
    case 'int':
      return make({ size: type.size, bits_offset: type.bitOffset, nr_bits: type.bits, encoding: encoding(type) });
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return make({ type_id: type.typeId });
    case 'array':
      return make({ type_id: type.typeId, index_type_id: type.indexTypeId, nr_elems: type.length });
    case 'struct':
    case 'union': {
      const parts = type.members.map((member) =>
        part({
          name: shown(member.name),
          type_id: member.typeId,
          bits_offset: member.bitOffset,
          ...(member.bitSize !== 0 && { bitfield_size: member.bitSize }),
        }),
      );
      return make({ size: type.size, vlen: parts.length }, 'members', parts);
    }
    case 'enum':
    case 'enum64': {
      const suffix = type.kind === 'enum' ? '' : type.signed ? 'LL' : 'ULL';
      const parts = type.values.map(({ name, value }) => {
        const entry = { name: shown(name), val: value };
        return { text: `'${entry.name}' val=${value}${suffix}`, json: entry };
      });
      return make(
        { encoding: type.signed ? 'SIGNED' : 'UNSIGNED', size: type.size, vlen: parts.length },
        'values',
        parts,
      );
    }
    case 'fwd':
      return make({ fwd_kind: type.of });
    case 'func':
      return make({ type_id: type.typeId, linkage: linkage(type.linkage) });
    case 'func_proto': {
      const parts = type.params.map((param) => part({ name: shown(param.name), type_id: param.typeId }));
      return make({ ret_type_id: type.returns, vlen: parts.length }, 'params', parts);
    }
    case 'var':
      return make({ type_id: type.typeId, linkage: linkage(type.linkage) });
    case 'datasec': {
      const parts = type.variables.map((variable) => {
        const json = { type_id: variable.typeId, offset: variable.offset, size: variable.size };
        return { text: `${part(json).text}${of(btf.type(variable.typeId))}`, json };
      });
      return make({ size: type.size, vlen: parts.length }, 'vars', parts);
    }
    case 'float':
      return make({ size: type.size });
    case 'decl_tag':
      return make({ type_id: type.typeId, component_idx: type.component });
  }
}

/** ` (VAR 'x')`, what a part of a datasec is. */
function of(type: BtfType): string {
  return type.kind === 'var' || type.kind === 'func' ? ` (${type.kind.toUpperCase()} '${shown(type.name)}')` : '';
}

function shown(name: string): string {
  return name === '' ? ANONYMOUS : name;
}

function encoding(type: BtfInt): string {
  return type.encoding === 'none' ? '(none)' : type.encoding.toUpperCase();
}

function linkage(n: number): string {
  return LINKAGE[n] ?? '(unknown)';
}
