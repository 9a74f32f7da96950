import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, type Insn, insnSlots, type Operation, operationOf } from '../../../isa/index.ts';
import { jumpTarget } from '../interp/code.ts';
import { type Rejection, reject } from './rejection.ts';

/*
 * The checks of a program's shape: what can be said without following values. They stand where a verifier will come, in the order in which
 * Linux's verifier does the same, so that a program with several faults is refused for the same one. What they let through may still fail when
 * it runs: the interpreter checks every access.
 */

/** Functions of one program. */
const MAX_SUBPROGS = 256;

/** The slots at which the program's functions start, ascending, 0 first. */
export function findSubprograms(insns: readonly Insn[]): readonly number[] | Rejection {
  const starts = new Set([0]);
  for (let i = 0; i < insns.length; i++) {
    const callee = calledFunction(insns, i);
    if (callee === undefined) continue;
    if (callee < 0 || callee >= insns.length) return reject('call to invalid destination');
    starts.add(callee);
    if (starts.size > MAX_SUBPROGS) return reject('too many subprograms', 'E2BIG');
  }
  return [...starts].sort((a, b) => a - b);
}

/** Every jump stays within its function, and no function runs into the next. */
export function checkSubprograms(insns: readonly Insn[], starts: readonly number[]): Rejection | undefined {
  for (const [index, start] of starts.entries()) {
    const end = starts[index + 1] ?? insns.length;
    for (let i = start; i < end; i++) {
      const { insn, operation } = at(insns, i);
      const target = operation && operation.kind !== 'call' ? jumpTarget(i, insn, operation) : undefined;
      if (target !== undefined && (target < start || target >= end))
        return reject(`jump out of range from insn ${i} to ${target}`);
      if (i === end - 1 && operation?.kind !== 'exit' && operation?.kind !== 'goto')
        return reject('last insn is not an exit or jmp');
    }
  }
  return undefined;
}

/** Every instruction can be reached, and none is the second half of another. */
export function checkFlow(insns: readonly Insn[]): Rejection | undefined {
  const reached = new Uint8Array(insns.length);
  const open = [0];
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    if (reached[i]) continue;
    reached[i] = 1;
    for (const next of successors(insns, i)) {
      if (next < 0 || next >= insns.length) return reject(`jump out of range from insn ${i} to ${next}`);
      if (!reached[next]) open.push(next);
    }
  }
  for (let i = 0; i < insns.length; i++) {
    if (!reached[i]) return reject(`unreachable insn ${i}`);
    if (insnSlots(at(insns, i).insn) === 2) {
      if (reached[i + 1]) return reject(`jump into the middle of ldimm64 insn ${i}`);
      i++;
    }
  }
  return undefined;
}

function successors(insns: readonly Insn[], i: number): number[] {
  const { insn, operation } = at(insns, i);
  const next = i + insnSlots(insn);
  const called = calledFunction(insns, i);
  if (called !== undefined) return [next, called];
  switch (operation?.kind) {
    case 'exit':
      return [];
    case 'goto':
      return [jumpTarget(i, insn, operation) ?? next];
    case 'jump':
    case 'may_goto':
      return [next, jumpTarget(i, insn, operation) ?? next];
    default:
      return [next];
  }
}

/** Where the function starts that this instruction calls or takes the address of; `undefined` if it does neither. */
function calledFunction(insns: readonly Insn[], i: number): number | undefined {
  const { insn, operation } = at(insns, i);
  if (operation?.kind === 'call' && insn.src === BPF_PSEUDO_CALL) return i + 1 + insn.imm;
  if (operation?.kind === 'ld_imm64' && insn.src === BPF_PSEUDO_FUNC) return i + 1 + insn.imm;
  return undefined;
}

const NOTHING: Insn = { opcode: 0, dst: 0, src: 0, off: 0, imm: 0 };

function at(insns: readonly Insn[], i: number): { insn: Insn; operation: Operation | undefined } {
  const insn = insns[i] ?? NOTHING;
  return { insn, operation: operationOf(insn.opcode) };
}
