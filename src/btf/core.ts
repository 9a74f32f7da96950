import { ObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { coreCandidates, matchCoreSpec } from './core-match.ts';
import { CORE_KINDS, type CoreKind, type CoreSpec, describe, lastMember, parseCoreSpec, plainId } from './core-spec.ts';
import type { BtfType } from './types.ts';

export { CORE_KINDS, type CoreKind } from './core-spec.ts';

/** A relocation as the compiler wrote it: what is asked of which type, at which access. */
export interface CoreRelocation {
  readonly kind: CoreKind;
  /** In the object's BTF. */
  readonly typeId: number;
  /** `0:1:2`. */
  readonly access: string;
}

/** What becomes of a relocation. */
export interface CoreResult {
  /** What the compiler put into the instruction, if that can be told. */
  readonly expected: bigint | undefined;
  /** What has to be there; `undefined`: the target has no such thing, and the instruction must never run. */
  readonly value: bigint | undefined;
  /** Bytes of the field here and there, where they differ; loads and stores are adjusted. */
  readonly resize: { readonly from: number; readonly to: number; readonly allowed: boolean } | undefined;
  /** What was found in the target; `undefined`: nothing, or none was looked for. */
  readonly found: CoreSpec | undefined;
  /** For messages: `field_byte_offset of struct task_struct .pid`. */
  readonly text: string;
}

/** The name of a relocation kind by its number; throws ObjectError for one that is not known. */
export function coreKind(kind: number): CoreKind {
  const row = CORE_KINDS[kind];
  if (row !== undefined) return row.name;
  throw new ObjectError(`CO-RE relocation kind ${kind} is not known`, { section: '.BTF.ext' });
}

/**
 * Works out one CO-RE relocation against the types of a kernel, the first of `targets` that has any of the name. Throws ObjectError if the relocation makes no sense, or if several types of the target
 * are meant and give different answers.
 */
export function resolveCore(local: Btf, targets: Iterable<Btf>, relocation: CoreRelocation): CoreResult {
  const { kind, typeId, access } = relocation;
  const spec = parseCoreSpec(local, kind, typeId, access);
  const text = formatSpec(spec);
  if (kind === 'type_id_local') {
    // Linkers give types other ids, and leave the instruction as it is.
    return { expected: undefined, value: BigInt(typeId), resize: undefined, found: undefined, text };
  }
  const root = local.type(typeId);
  if (root.name === '') throw new ObjectError(`${text}: anonymous types cannot be looked for`, { section: '.BTF.ext' });
  const expected = compute(spec);
  const { target, ids } = findCandidates(targets, root);
  const matches = target === undefined ? [] : ids.flatMap((id) => matchCoreSpec(spec, target, id) ?? []);
  const answers = matches.map((match) => ({ match, answer: compute(match) }));
  const [first] = answers;
  if (first === undefined)
    return { expected: validated(expected), value: missingValue(kind), resize: undefined, found: undefined, text };
  const others = answers.filter(
    ({ match, answer }) => match.bitOffset !== first.match.bitOffset || answer?.value !== first.answer?.value,
  );
  if (others.length > 0) {
    throw new ObjectError(`${text}: the target has ${answers.length} types of this name that give different answers`, {
      section: '.BTF.ext',
    });
  }
  return {
    expected: validated(expected),
    value: first.answer?.value,
    resize: resizing(spec, expected, first.match, first.answer),
    found: first.match,
    text,
  };
}

function findCandidates(targets: Iterable<Btf>, root: BtfType): { target: Btf | undefined; ids: readonly number[] } {
  for (const target of targets) {
    const ids = coreCandidates(target, root);
    if (ids.length > 0) return { target, ids };
  }
  return { target: undefined, ids: [] };
}

/** What is true of something that is not there; `undefined` where nothing is. */
function missingValue(kind: CoreKind): bigint | undefined {
  return kind.endsWith('_exists') || kind === 'type_matches' || kind === 'type_size' || kind === 'type_id_target'
    ? 0n
    : undefined;
}

interface Answer {
  readonly value: bigint;
  /** Of a load or store of the field. */
  readonly access: { readonly size: number; readonly type: BtfType } | undefined;
  /** False where compilers put something else into the instruction. */
  readonly validate: boolean;
}

function validated(answer: Answer | undefined): bigint | undefined {
  return answer?.validate === true ? answer.value : undefined;
}

/** The answer for one spec; `undefined` where a bit-field lies so that no load reaches it. */
function compute(spec: CoreSpec): Answer | undefined {
  const plain = (value: bigint): Answer => ({ value, access: undefined, validate: true });
  switch (spec.kind) {
    case 'type_id_local':
    case 'type_id_target':
      // The target's own id: what the compiler wrote is the local one.
      return { ...plain(BigInt(spec.rootId)), validate: spec.kind === 'type_id_local' };
    case 'type_size':
      return plain(BigInt(spec.btf.size(spec.rootId)));
    case 'type_exists':
    case 'type_matches':
    case 'field_exists':
    case 'enumval_exists':
      return plain(1n);
    case 'enumval_value': {
      const type = spec.btf.resolve(spec.rootId);
      const value =
        type.kind === 'enum' || type.kind === 'enum64' ? type.values[spec.steps[0]?.index ?? -1] : undefined;
      return value && plain(value.value);
    }
    default:
      return computeField(spec);
  }
}

function computeField(spec: CoreSpec): Answer | undefined {
  const { btf, kind, bitOffset } = spec;
  const member = lastMember(spec);
  if (member === undefined) {
    const typeId = spec.steps.at(-1)?.typeId ?? 0;
    const size = btf.size(typeId);
    if (kind === 'field_byte_offset') {
      return { value: BigInt(bitOffset / 8), access: { size, type: btf.type(plainId(btf, typeId)) }, validate: true };
    }
    if (kind === 'field_byte_size') return { value: BigInt(size), access: undefined, validate: true };
    throw new ObjectError(`a CO-RE relocation of kind ${kind} is for members, not for elements`, {
      section: '.BTF.ext',
    });
  }
  const type = btf.resolve(member.typeId);
  const isBitField = member.bitSize > 0;
  const unit = isBitField
    ? bitFieldUnit(bitOffset, member.bitSize, btf.size(member.typeId))
    : { offset: bitOffset / 8, size: btf.size(member.typeId) };
  if (unit === undefined) return undefined;
  const bits = isBitField ? member.bitSize : 8 * unit.size;
  switch (kind) {
    case 'field_byte_offset':
      return {
        value: BigInt(unit.offset),
        access: isBitField ? undefined : { size: unit.size, type },
        validate: !isBitField,
      };
    case 'field_byte_size':
      return { value: BigInt(unit.size), access: undefined, validate: !isBitField };
    case 'field_signed':
      return { value: isSigned(type) ? 1n : 0n, access: undefined, validate: true };
    case 'field_lshift_u64':
      return { value: BigInt(64 - (bitOffset + bits - 8 * unit.offset)), access: undefined, validate: !isBitField };
    case 'field_rshift_u64':
      return { value: BigInt(64 - bits), access: undefined, validate: !isBitField };
    default:
      return undefined;
  }
}

/** The aligned load, as wide as the field's type or wider, that has all bits of a bit-field in it. */
function bitFieldUnit(
  bitOffset: number,
  bitSize: number,
  typeSize: number,
): { offset: number; size: number } | undefined {
  for (let size = typeSize; size <= 8 && size > 0; size *= 2) {
    const offset = Math.floor(bitOffset / 8 / size) * size;
    if (bitOffset + bitSize <= 8 * (offset + size)) return { offset, size };
  }
  return undefined;
}

function isSigned(type: BtfType): boolean {
  if (type.kind === 'enum' || type.kind === 'enum64') return type.signed;
  return type.kind === 'int' && type.encoding === 'signed';
}

/** A pointer may be read as a pointer of another width, an unsigned integer as one: zeros are put in front. */
function resizing(
  local: CoreSpec,
  from: Answer | undefined,
  target: CoreSpec,
  to: Answer | undefined,
): CoreResult['resize'] {
  if (from?.access === undefined || to?.access === undefined || from.access.size === to.access.size) return undefined;
  const types = [from.access.type, to.access.type];
  const pointers = types.every((type) => type.kind === 'ptr');
  const unsigned = types.every((type) => type.kind === 'int' && !isSigned(type));
  return { from: from.access.size, to: to.access.size, allowed: (pointers || unsigned) && local.kind === target.kind };
}

function formatSpec(spec: CoreSpec): string {
  const path = spec.steps.slice(1).map((step) => (step.name === undefined ? `[${step.index}]` : `.${step.name}`));
  const value = spec.kind.startsWith('enumval') ? `::${spec.steps[0]?.name}` : path.join('');
  return `${spec.kind} of ${describe(spec.btf.type(spec.rootId))}${value}`;
}
