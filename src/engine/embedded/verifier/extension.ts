import type { Btf, BtfType } from '../../../btf/index.ts';
import { attachTypeNumber, type ProgType } from '../../../uapi/bpf.ts';
import { isComposite, isScalarType, kindName, skipModifiers } from './btf-walk.ts';

/** A function of a loaded program, as one whose place another program may take. */
export interface TargetFunction {
  /** Its type in the program's BTF. */
  readonly typeId: number;
  /** Its first slot. */
  readonly start: number;
  readonly changesPacket: boolean;
  readonly mightSleep: boolean;
  readonly isExceptionCallback: boolean;
  /** Its types are those of what it gets, as far as the verifier asks. */
  readonly isReliable: boolean;
}

/** A loaded program, as one whose functions others may take the place of. */
export interface ExtensionTarget {
  readonly type: ProgType;
  /** BPF_* of enum bpf_attach_type. */
  readonly attachType: number;
  readonly btf: Btf | undefined;
  readonly functions: readonly TargetFunction[];
}

/** What a program of type ext is made for. */
export interface Extension {
  /** `undefined`: no program, so that it would be a function of the kernel. */
  readonly target: ExtensionTarget | undefined;
  /** Of the target's BTF. */
  readonly typeId: number;
}

/** The program that is to take the place. */
export interface Replacing {
  readonly btf: Btf | undefined;
  /** The type of its main function, in its BTF. */
  readonly typeId: number | undefined;
  readonly changesPacket: boolean;
  readonly mightSleep: boolean;
}

/** Places of programs that look at functions, also at those of programs that others have taken the place of. */
const LOOKERS: readonly number[] = [attachTypeNumber.trace_fentry, attachTypeNumber.trace_fexit];

/** Why a program cannot take the place of a function, in the words of Linux 6.18; `undefined`: it can. */
export function extensionProblem(by: Replacing, { target, typeId }: Extension): string | undefined {
  if (typeId === 0) return 'Tracing programs must provide btf_id';
  if (target === undefined) return 'Cannot replace kernel functions';
  const { btf } = target;
  if (btf === undefined) return 'FENTRY/FEXIT program can only be attached to another program annotated with BTF';
  if (typeId >= btf.typeCount) return `attach_btf_id ${typeId} is invalid`;
  const type = btf.type(typeId);
  const func = target.functions.find((other) => other.typeId === typeId);
  if (func === undefined) return `Subprog ${type.name} doesn't exist`;
  if (func.isExceptionCallback) return 'Extension programs cannot attach to exception callback';
  if (!func.isReliable) return 'Cannot replace static functions';
  if (by.changesPacket && !func.changesPacket) return 'Extension program changes packet data, while original does not';
  if (by.mightSleep && !func.mightSleep) return 'Extension program may sleep, while original does not';
  if (target.type === 'ext') return 'Cannot recursively attach';
  if (target.type === 'tracing' && LOOKERS.includes(target.attachType)) return 'Cannot extend fentry/fexit';
  return typesProblem(by, btf, type);
}

function typesProblem(by: Replacing, btf: Btf, target: BtfType): string | undefined {
  if (by.btf === undefined || (by.typeId ?? by.btf.typeCount) >= by.btf.typeCount)
    return 'Program extension requires BTF';
  const own = by.btf.type(by.typeId ?? 0);
  for (const func of [own, target])
    if (func.kind !== 'func' || func.linkage !== 1) return `${func.name}() is not a global function`;
  return protoProblem(new Side(by.btf, own), new Side(btf, target));
}

/** One of two functions that are compared. */
class Side {
  readonly btf: Btf;
  readonly name: string;
  readonly params: readonly number[];
  readonly result: BtfType;

  constructor(btf: Btf, func: BtfType) {
    const proto = func.kind === 'func' ? btf.type(func.typeId) : undefined;
    this.btf = btf;
    this.name = func.name;
    this.params = proto?.kind === 'func_proto' ? proto.params.map(({ typeId }) => typeId) : [];
    [this.result] = skipModifiers(btf, proto?.kind === 'func_proto' ? proto.returns : 0);
  }

  /** The type of an argument, without what only says how it may be used. */
  param(index: number): BtfType {
    return skipModifiers(this.btf, this.params[index] ?? 0)[0];
  }

  pointee(type: BtfType): BtfType {
    return skipModifiers(this.btf, type.kind === 'ptr' ? type.typeId : 0)[0];
  }
}

function protoProblem(own: Side, other: Side): string | undefined {
  const [count, wanted] = [own.params.length, other.params.length];
  if (count !== wanted) return `${own.name}() has ${count} args while ${other.name}() has ${wanted} args`;
  if (!areAlike(own.result, other.result))
    return `Return type ${kindName(own.result)} of ${own.name}() doesn't match type ${kindName(other.result)} of ${other.name}()`;
  for (let i = 0; i < count; i++) {
    const problem = paramProblem(own, other, i);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function paramProblem(own: Side, other: Side, i: number): string | undefined {
  const [a, b] = [own.param(i), other.param(i)];
  if (!areAlike(a, b)) return `arg${i} in ${own.name}() is ${kindName(a)} while ${other.name}() has ${kindName(b)}`;
  if ('size' in a && 'size' in b && a.size !== b.size)
    return `arg${i} in ${own.name}() has size ${a.size} while ${other.name}() has ${b.size}`;
  if (isScalarType(a)) return undefined;
  if (a.kind !== 'ptr') return `arg${i} in ${own.name}() is not a pointer`;
  const pointees = [own.pointee(a), other.pointee(b)] as const;
  for (const [side, pointee] of [[own, pointees[0]] as const, [other, pointees[1]] as const])
    if (!isComposite(pointee)) return `arg${i} in ${side.name}() is not a pointer to context`;
  const [one, another] = pointees;
  return one.name === another.name
    ? undefined
    : `arg${i} ${own.name}(struct ${one.name} *) doesn't match ${other.name}(struct ${another.name} *)`;
}

/** They are of one kind, and have as many members. */
function areAlike(a: BtfType, b: BtfType): boolean {
  return a.kind === b.kind && sizeOfList(a) === sizeOfList(b);
}

function sizeOfList(type: BtfType): number {
  if ('members' in type) return type.members.length;
  return 'values' in type ? type.values.length : 0;
}
