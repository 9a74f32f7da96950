import {
  BPF_ADDR_SPACE_CAST,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  type Insn,
  insnSlots,
  jumpTarget,
  operationOf,
  programProblem,
} from '../../../isa/index.ts';
import { HELPERS, type HelperName, helperFunction } from '../../../uapi/helpers.ts';
import { allowedHelpers } from '../helpers/allowed.ts';
import { HELPER_BY_ID } from '../helpers/table.ts';
import type { ProgType } from './prog-type.ts';
import { type Rejection, reject } from './rejection.ts';

/*
 * The checks of a program's shape: what can be said without following values. They stand where a verifier will come, and refuse in its words.
 * What they let through may still fail when it runs: the interpreter checks every access.
 */

/** Functions of one program. */
const MAX_SUBPROGS = 256;
const FRAME_POINTER = 'frame pointer is read only';

/** Before the maps are resolved: every instruction is one, and every jump stays within its function. */
export function checkShape(insns: readonly Insn[]): Rejection | undefined {
  const found = programProblem(insns);
  if (found !== undefined) return reject(found.problem, found.problem === FRAME_POINTER ? 'EACCES' : 'EINVAL');
  return countSubprograms(insns) > MAX_SUBPROGS ? reject('too many subprograms', 'E2BIG') : undefined;
}

/** After it: every instruction can be reached, and every call is of something that this program type may call. */
export function checkUse(insns: readonly Insn[], user: ProgUser): Rejection | undefined {
  return checkFlow(insns) ?? checkCalls(insns, user);
}

/** Whose calls are checked. */
export interface ProgUser {
  readonly type: ProgType;
  /** BPF_* of enum bpf_attach_type. */
  readonly attachType: number;
  readonly gpl: boolean;
}

interface Caller extends ProgUser {
  readonly allowed: ReadonlySet<HelperName>;
}

/** The program's functions, the main one with them. */
export function countSubprograms(insns: readonly Insn[]): number {
  const starts = new Set([0]);
  for (let i = 0; i < insns.length; i++) {
    const callee = calledFunction(insns, i);
    if (callee !== undefined) starts.add(callee);
  }
  return starts.size;
}

function checkFlow(insns: readonly Insn[]): Rejection | undefined {
  for (let i = 0; i < insns.length; i++) {
    const next = successors(insns, i).find((target) => target < 0 || target >= insns.length);
    if (next !== undefined) return reject(`jump out of range from insn ${i} to ${next}`);
  }
  const reached = reachable(insns, (i) => successors(insns, i));
  for (const [i, insn] of insns.entries()) {
    if (reached[i]) {
      if (insnSlots(insn) === 2 && reached[i + 1]) return reject(`jump into the middle of ldimm64 insn ${i}`);
    } else if (i === 0 || insnSlots(insns[i - 1] ?? insn) === 1) return reject(`unreachable insn ${i}`);
  }
  return undefined;
}

function reachable(insns: readonly Insn[], next: (i: number) => readonly number[]): Uint8Array {
  const reached = new Uint8Array(insns.length);
  const open = [0];
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    if (reached[i]) continue;
    reached[i] = 1;
    for (const target of next(i)) if (!reached[target]) open.push(target);
  }
  return reached;
}

function successors(insns: readonly Insn[], i: number): number[] {
  const insn = insns[i];
  if (insn === undefined) return [];
  const next = i + insnSlots(insn);
  const called = calledFunction(insns, i);
  if (called !== undefined) return [next, called];
  const target = jumpTarget(insn, i);
  switch (operationOf(insn.opcode)?.kind) {
    case 'exit':
      return [];
    case 'goto':
      return target === undefined ? [] : [target];
    default:
      return target === undefined ? [next] : [next, target];
  }
}

/** Where the function starts that this instruction calls or takes the address of; `undefined` if it does neither. */
function calledFunction(insns: readonly Insn[], i: number): number | undefined {
  const insn = insns[i];
  const kind = insn && operationOf(insn.opcode)?.kind;
  const local = kind === 'call' ? BPF_PSEUDO_CALL : kind === 'ld_imm64' ? BPF_PSEUDO_FUNC : undefined;
  return insn !== undefined && local !== undefined && insn.src === local ? i + 1 + insn.imm : undefined;
}

/** Calls that no run comes to are none: what tests the address of a weak symbol calls something that may not be there. */
function checkCalls(insns: readonly Insn[], user: ProgUser): Rejection | undefined {
  const targets = new Set(insns.flatMap((insn, i) => jumpTarget(insn, i) ?? []));
  const live = reachable(insns, (i) => {
    const taken = knownJump(insns, i, targets);
    return taken === undefined ? successors(insns, i) : [taken];
  });
  const caller = { ...user, allowed: new Set(allowedHelpers(user.type.name, user.attachType)) };
  for (const [i, insn] of insns.entries()) {
    const found = live[i] ? checkCall(insn, caller) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where a comparison of a constant with 0 goes on, if the constant was set on the straight way to it; `undefined` if that cannot be told. */
function knownJump(insns: readonly Insn[], i: number, targets: ReadonlySet<number>): number | undefined {
  const insn = insns[i];
  const operation = insn && operationOf(insn.opcode);
  if (insn === undefined || operation?.kind !== 'jump' || operation.source !== 'imm' || insn.imm !== 0)
    return undefined;
  if (operation.bits !== 64 || (operation.op !== 'jeq' && operation.op !== 'jne')) return undefined;
  for (let at = i; !targets.has(at) && at >= 1; ) {
    at -= at >= 2 && insnSlots(insns[at - 2] ?? insn) === 2 ? 2 : 1;
    const before = insns[at] ?? insn;
    const kind = operationOf(before.opcode)?.kind;
    if (kind !== 'ld_imm64' && kind !== 'alu' && kind !== 'load' && kind !== 'store') return undefined;
    if (before.dst !== insn.dst || kind === 'store') continue;
    if (kind !== 'ld_imm64' || before.src !== 0) return undefined;
    const isZero = before.imm === 0 && insns[at + 1]?.imm === 0;
    return isZero === (operation.op === 'jeq') ? jumpTarget(insn, i) : i + 1;
  }
  return undefined;
}

function checkCall({ opcode, src, off, imm }: Insn, user: Caller): Rejection | undefined {
  const operation = operationOf(opcode);
  switch (operation?.kind) {
    case 'ld_abs':
    case 'ld_ind':
      return user.type.packetLoads
        ? undefined
        : reject('BPF_LD_[ABS|IND] instructions not allowed for this program type');
    case 'alu':
      return operation.op === 'mov' &&
        operation.bits === 64 &&
        operation.source === 'reg' &&
        off === BPF_ADDR_SPACE_CAST
        ? reject('addr_space_cast insn can only be used in a program that has an associated arena')
        : undefined;
    case 'call':
      if (src === BPF_PSEUDO_KFUNC_CALL)
        return reject('calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF', 'ENOTSUPP');
      return src === BPF_PSEUDO_CALL ? undefined : checkHelper(imm, user);
    default:
      return undefined;
  }
}

function checkHelper(id: number, { allowed, gpl }: Caller): Rejection | undefined {
  const name = HELPERS[id];
  if (name === undefined || id === 0) return reject(`invalid func ${helperFunction(id) ?? 'unknown'}#${id}`);
  const refusal = `program of this type cannot use helper bpf_${name}#${id}`;
  if (!allowed.has(name)) return reject(refusal);
  const helper = HELPER_BY_ID[id];
  if (helper === undefined) return reject(`${refusal}: the embedded kernel does not have it yet`);
  return helper.gplOnly && !gpl
    ? reject('cannot call GPL-restricted function from non-GPL compatible program')
    : undefined;
}
