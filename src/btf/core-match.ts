import { ObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { type CoreSpec, type CoreStep, isComposite, type PassedMember, plainId } from './core-spec.ts';
import { essentialName } from './name.ts';
import type { BtfComposite, BtfEnum, BtfMember, BtfType } from './types.ts';

/** Types within types that a comparison goes into. */
const MAX_DEPTH = 32;
/** Types that one comparison may look at: a struct of structs can hold the same one any number of times. Those of a kernel need some thousand. */
const MAX_COMPARED = 1 << 20;

/** How much a comparison may still do. */
interface Budget {
  left: number;
}

function spend(budget: Budget, count = 1): void {
  budget.left -= count;
  if (budget.left < 0)
    throw new ObjectError(`two types take more than ${MAX_COMPARED} comparisons to match`, { section: '.BTF' });
}

/** The kinds that stand for one another when a type is looked for. */
function coreKind(type: BtfType): string {
  return type.kind === 'enum64' ? 'enum' : type.kind;
}

function isEnum(type: BtfType): type is BtfEnum {
  return type.kind === 'enum' || type.kind === 'enum64';
}

/** Types of `target` that may be meant by a type of an object: of the same kind, and the same name but for the flavour. */
export function coreCandidates(target: Btf, local: BtfType): number[] {
  const essential = essentialName(local.name);
  if (essential === '') return [];
  return target.flavours(essential).filter((id) => coreKind(target.type(id)) === coreKind(local));
}

/** The access of `local` in terms of a candidate's types; `undefined` if the candidate is not what is meant. */
export function matchCoreSpec(local: CoreSpec, target: Btf, candidateId: number): CoreSpec | undefined {
  const { kind } = local;
  const root = { btf: target, kind, rootId: candidateId };
  if (kind.startsWith('type_')) {
    const same =
      kind === 'type_matches'
        ? typesMatch(local.btf, local.rootId, target, candidateId, false, MAX_DEPTH, { left: MAX_COMPARED })
        : typesCompatible(local.btf, local.rootId, target, candidateId);
    return same
      ? { ...root, steps: [{ typeId: candidateId, index: 0, name: undefined }], passed: [], bitOffset: 0 }
      : undefined;
  }
  if (kind.startsWith('enumval_')) {
    const type = target.resolve(candidateId);
    const name = essentialName(local.steps[0]?.name ?? '');
    const index = isEnum(type) ? type.values.findIndex((value) => essentialName(value.name) === name) : -1;
    if (index < 0) return undefined;
    return { ...root, steps: [{ typeId: candidateId, index, name }], passed: [], bitOffset: 0 };
  }
  return matchField(local, target, candidateId);
}

function matchField(local: CoreSpec, target: Btf, candidateId: number): CoreSpec | undefined {
  const steps: CoreStep[] = [];
  const passed: PassedMember[] = [];
  let bitOffset = 0;
  let typeId = plainId(target, candidateId);
  for (const [level, step] of local.steps.entries()) {
    if (step.name !== undefined) {
      const found = findMember(local, step, target, typeId, 0);
      if (found === undefined) return undefined;
      steps.push(found.step);
      passed.push(...found.passed);
      bitOffset += found.bitOffset;
      typeId = plainId(target, found.typeId);
      continue;
    }
    if (level > 0) {
      const array = target.type(typeId);
      if (array.kind !== 'array') return undefined;
      const flexible = array.length <= 1 && steps.at(-1)?.name !== undefined;
      if (step.index >= array.length && !flexible) return undefined;
      typeId = plainId(target, array.typeId);
    }
    steps.push({ typeId, index: step.index, name: undefined });
    bitOffset += step.index * target.size(typeId) * 8;
  }
  return { btf: target, kind: local.kind, rootId: candidateId, steps, passed, bitOffset };
}

interface FoundMember {
  readonly step: CoreStep;
  readonly passed: readonly PassedMember[];
  /** Bits from the start of the type that was searched. */
  readonly bitOffset: number;
  readonly typeId: number;
}

/** The first member of this name, also within anonymous members; `undefined` if there is none or its type does not fit. */
function findMember(
  local: CoreSpec,
  wanted: CoreStep,
  target: Btf,
  typeId: number,
  depth: number,
): FoundMember | undefined {
  const plain = plainId(target, typeId);
  const type = target.type(plain);
  if (!isComposite(type) || depth > MAX_DEPTH) return undefined;
  for (const [index, member] of type.members.entries()) {
    if (member.name === '') {
      const found = findMember(local, wanted, target, member.typeId, depth + 1);
      if (found === undefined) continue;
      const passed = [{ typeId: plain, index }, ...found.passed];
      return { ...found, passed, bitOffset: found.bitOffset + member.bitOffset };
    } else if (member.name === wanted.name) {
      const owner = local.btf.type(plainId(local.btf, wanted.typeId));
      const own = isComposite(owner) ? owner.members[wanted.index] : undefined;
      if (own === undefined || !fieldsCompatible(local.btf, own.typeId, target, member.typeId)) return undefined;
      const step = { typeId, index, name: member.name };
      return { step, passed: [{ typeId: plain, index }], bitOffset: member.bitOffset, typeId: member.typeId };
    }
  }
  return undefined;
}

/** Whether code for a field of one type can read one of another: sizes and signs may differ, kinds may not. */
function fieldsCompatible(a: Btf, aId: number, b: Btf, bId: number): boolean {
  let [x, y] = [a.resolve(aId), b.resolve(bId)];
  for (let n = 0; n < MAX_DEPTH; n++) {
    if (isComposite(x) && isComposite(y)) return true;
    if (coreKind(x) !== coreKind(y)) return false;
    if (x.kind === 'array' && y.kind === 'array') {
      [x, y] = [a.resolve(x.typeId), b.resolve(y.typeId)];
      continue;
    }
    if (x.kind === 'int' && y.kind === 'int') return x.bitOffset === 0 && y.bitOffset === 0;
    if (isEnum(x) || x.kind === 'fwd') return x.name === '' || y.name === '' || sameName(x, y);
    return x.kind === 'ptr' || x.kind === 'float';
  }
  return false;
}

function sameName(x: BtfType, y: BtfType): boolean {
  return essentialName(x.name) === essentialName(y.name);
}

/** Whether two types are of the same make: names count only at the top, where the caller has compared them. */
export function typesCompatible(
  a: Btf,
  aId: number,
  b: Btf,
  bId: number,
  depth = MAX_DEPTH,
  budget: Budget = { left: MAX_COMPARED },
): boolean {
  if (depth <= 0) return false;
  spend(budget);
  const [x, y] = [a.resolve(aId), b.resolve(bId)];
  if (coreKind(x) !== coreKind(y)) return false;
  if (x.kind === 'int' && y.kind === 'int') return x.bitOffset === 0 && y.bitOffset === 0;
  if (x.kind === 'ptr' && y.kind === 'ptr') return typesCompatible(a, x.typeId, b, y.typeId, depth - 1, budget);
  if (x.kind === 'array' && y.kind === 'array') return typesCompatible(a, x.typeId, b, y.typeId, depth - 1, budget);
  if (x.kind === 'func_proto' && y.kind === 'func_proto') {
    if (x.params.length !== y.params.length) return false;
    const params = x.params.every((param, i) =>
      typesCompatible(a, param.typeId, b, y.params[i]?.typeId ?? 0, depth - 1, budget),
    );
    return params && typesCompatible(a, x.returns, b, y.returns, depth - 1, budget);
  }
  return x.kind === 'void' || isComposite(x) || isEnum(x) || x.kind === 'fwd';
}

/** Whether all that the local type says is so in the target: names at every level, members, values, sizes. */
function typesMatch(
  a: Btf,
  aId: number,
  b: Btf,
  bId: number,
  behindPointer: boolean,
  depth: number,
  budget: Budget,
): boolean {
  if (depth <= 0) return false;
  spend(budget);
  const [x, y] = [a.resolve(aId), b.resolve(bId)];
  if (!sameName(x, y)) return false;
  switch (x.kind) {
    case 'fwd':
      if (y.kind === 'fwd') return x.of === y.of;
      return behindPointer && y.kind === x.of;
    case 'enum':
    case 'enum64':
      return isEnum(y) && x.size === y.size && valuesMatch(x, y);
    case 'struct':
    case 'union':
      if (behindPointer) return y.kind === x.kind || (y.kind === 'fwd' && y.of === x.kind);
      return y.kind === x.kind && isComposite(y) && membersMatch(a, x, b, y, depth, budget);
    case 'int':
      return y.kind === 'int' && x.size === y.size && (x.encoding === 'signed') === (y.encoding === 'signed');
    case 'ptr':
      return y.kind === 'ptr' && typesMatch(a, x.typeId, b, y.typeId, true, depth - 1, budget);
    case 'array':
      return (
        y.kind === 'array' &&
        x.length === y.length &&
        typesMatch(a, x.typeId, b, y.typeId, behindPointer, depth - 1, budget)
      );
    case 'func_proto':
      return (
        y.kind === 'func_proto' &&
        x.params.length === y.params.length &&
        x.params.every((param, i) =>
          typesMatch(a, param.typeId, b, y.params[i]?.typeId ?? 0, behindPointer, depth - 1, budget),
        ) &&
        typesMatch(a, x.returns, b, y.returns, behindPointer, depth - 1, budget)
      );
    default:
      return x.kind === y.kind;
  }
}

function valuesMatch(x: BtfEnum, y: BtfEnum): boolean {
  const names = new Set(y.values.map(({ name }) => essentialName(name)));
  return x.values.every(({ name }) => names.has(essentialName(name)));
}

function membersMatch(a: Btf, x: BtfComposite, b: Btf, y: BtfComposite, depth: number, budget: Budget): boolean {
  if (x.members.length > y.members.length) return false;
  spend(budget, x.members.length + y.members.length);
  const named = new Map<string, BtfMember[]>();
  for (const member of y.members) {
    const name = essentialName(member.name);
    const known = named.get(name);
    if (known === undefined) named.set(name, [member]);
    else known.push(member);
  }
  return x.members.every((member) =>
    named
      .get(essentialName(member.name))
      ?.some((other) => typesMatch(a, member.typeId, b, other.typeId, false, depth - 1, budget)),
  );
}
