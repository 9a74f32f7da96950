import { ObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import type { BtfComposite, BtfMember, BtfType } from './types.ts';

/** What a CO-RE relocation asks for, by number. `of` says of what kind of thing. Source: enum bpf_core_relo_kind. */
// biome-ignore format: aligned table
export const CORE_KINDS = [
  { name: 'field_byte_offset', of: 'field' },
  { name: 'field_byte_size',   of: 'field' },
  { name: 'field_exists',      of: 'field' },
  { name: 'field_signed',      of: 'field' },
  { name: 'field_lshift_u64',  of: 'field' },
  { name: 'field_rshift_u64',  of: 'field' },
  { name: 'type_id_local',     of: 'type' },
  { name: 'type_id_target',    of: 'type' },
  { name: 'type_exists',       of: 'type' },
  { name: 'type_size',         of: 'type' },
  { name: 'enumval_exists',    of: 'enumval' },
  { name: 'enumval_value',     of: 'enumval' },
  { name: 'type_matches',      of: 'type' },
] as const;
export type CoreKind = (typeof CORE_KINDS)[number]['name'];

/** One step of an access: into member `index` of a struct, or to element `index` of an array (`name` undefined). */
export interface CoreStep {
  /** The struct that the member is of; of an element, the element's type. */
  readonly typeId: number;
  readonly index: number;
  readonly name: string | undefined;
}

/** Member `index` of the struct or union that `typeId` is. */
export interface PassedMember {
  readonly typeId: number;
  readonly index: number;
}

/** What an access string (`0:1:2`) means in one BTF. */
export interface CoreSpec {
  readonly btf: Btf;
  readonly kind: CoreKind;
  readonly rootId: number;
  /** The named members and the array elements; anonymous members are passed through. Of a type only the root. */
  readonly steps: readonly CoreStep[];
  /** Every member on the way, those without a name too. */
  readonly passed: readonly PassedMember[];
  /** Bits from the start of the root. */
  readonly bitOffset: number;
}

/** Levels of an access; the kernel allows as many. */
const MAX_STEPS = 64;

/** What a compiler's relocation says, in terms of the object's own types. Throws ObjectError if it makes no sense. */
export function parseCoreSpec(btf: Btf, kind: CoreKind, typeId: number, access: string): CoreSpec {
  if (!/^\d+(:\d+)*$/.test(access)) throw bad(`the access '${access}' is no list of numbers`);
  const [first = 0, ...rest] = access.split(':').map(Number);
  if (rest.length >= MAX_STEPS) throw bad(`the access '${access}' has more than ${MAX_STEPS} levels`);
  const of = CORE_KINDS.find((row) => row.name === kind)?.of;
  if (of === 'type') {
    if (access !== '0') throw bad(`the access '${access}' to a type is not 0`);
    return { btf, kind, rootId: typeId, steps: [{ typeId, index: 0, name: undefined }], passed: [], bitOffset: 0 };
  }
  if (of === 'enumval') {
    const type = btf.resolve(typeId);
    const value = type.kind === 'enum' || type.kind === 'enum64' ? type.values[first] : undefined;
    if (value === undefined || rest.length > 0) throw bad(`the access '${access}' is no value of ${describe(type)}`);
    return { btf, kind, rootId: typeId, steps: [{ typeId, index: first, name: value.name }], passed: [], bitOffset: 0 };
  }
  return parseField(btf, kind, typeId, first, rest);
}

function parseField(btf: Btf, kind: CoreKind, rootId: number, first: number, rest: readonly number[]): CoreSpec {
  const steps: CoreStep[] = [{ typeId: rootId, index: first, name: undefined }];
  const passed: PassedMember[] = [];
  let bitOffset = first * btf.size(rootId) * 8;
  let type = btf.resolve(rootId);
  let typeId = rootId;
  for (const index of rest) {
    if (isComposite(type)) {
      const member = type.members[index];
      if (member === undefined) throw bad(`${describe(type)} has no member ${index}`);
      bitOffset += member.bitOffset;
      passed.push({ typeId: plainId(btf, typeId), index });
      if (member.name !== '') steps.push({ typeId, index, name: member.name });
      typeId = member.typeId;
    } else if (type.kind === 'array') {
      const flexible = isFlexible(type.length, steps.at(-1), btf);
      if (index >= type.length && !flexible) throw bad(`element ${index} is past the ${type.length} of an array`);
      typeId = type.typeId;
      steps.push({ typeId, index, name: undefined });
      bitOffset += index * btf.size(typeId) * 8;
    } else {
      throw bad(`there is nothing to go into in ${describe(type)}`);
    }
    typeId = plainId(btf, typeId);
    type = btf.type(typeId);
  }
  return { btf, kind, rootId, steps, passed, bitOffset };
}

/** The last member of a struct may be an array that is longer than it says. */
function isFlexible(length: number, last: CoreStep | undefined, btf: Btf): boolean {
  if (last?.name === undefined || length > 1) return false;
  const owner = btf.type(plainId(btf, last.typeId));
  return isComposite(owner) && last.index === owner.members.length - 1;
}

/** The id of the type behind typedefs and qualifiers. */
export function plainId(btf: Btf, typeId: number): number {
  let id = typeId;
  for (let n = 0; n < MAX_STEPS; n++) {
    const type = btf.type(id);
    switch (type.kind) {
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        id = type.typeId;
        break;
      default:
        return id;
    }
  }
  throw bad(`type ${typeId} goes through too many typedefs and qualifiers`);
}

export function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === 'struct' || type.kind === 'union';
}

/** The member that the last step of a field leads to; `undefined`: an array element, or the root. */
export function lastMember(spec: CoreSpec): BtfMember | undefined {
  const step = spec.steps.at(-1);
  if (step?.name === undefined) return undefined;
  const owner = spec.btf.type(plainId(spec.btf, step.typeId));
  return isComposite(owner) ? owner.members[step.index] : undefined;
}

/** For messages: `struct task_struct`. */
export function describe(type: BtfType): string {
  return type.name === '' ? `an anonymous ${type.kind}` : `${type.kind} ${type.name}`;
}

function bad(reason: string): ObjectError {
  return new ObjectError(`a CO-RE relocation makes no sense: ${reason}`, { section: '.BTF.ext' });
}
