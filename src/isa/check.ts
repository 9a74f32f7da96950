import { type Insn, insnSlots } from './insn.ts';
import {
  BPF_ADDR_SPACE_CAST,
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_REG_10,
  CLASS_MASK,
  LD_IMM64,
  MODE_MASK,
  OP_MASK,
} from './opcode.ts';
import { atomicOf, type Operation, operationOf } from './table.ts';

const READ_ONLY = 'frame pointer is read only';
/** Problems that a verifier comes to when it has looked at registers. */
const ON_REGISTERS = /^(div by zero|invalid shift |frame pointer is read only)/;

/** What is wrong with a program, and the slot it is about. */
export interface ProgramProblem {
  readonly insn: number;
  /** In the words of the Linux verifier's log. */
  readonly problem: string;
}

/**
 * The first thing that makes a program no program, whatever it computes: calls and jumps out of range, no end, an instruction that is none. In the
 * order in which the Linux verifier looks. `undefined`: its structure is sound. Whether what it does is safe, and whether every instruction can be
 * reached, is a verifier's business.
 */
export function programProblem(insns: readonly Insn[]): ProgramProblem | undefined {
  return targetsProblem(insns) ?? firstProblem(insns, opcodeProblem) ?? firstProblem(insns, operandProblem);
}

/** The first instruction that is none, whatever its operands are. */
export function opcodesProblem(insns: readonly Insn[]): ProgramProblem | undefined {
  return firstProblem(insns, opcodeProblem);
}

/** What is wrong with the fields of an instruction, before anything is asked of its registers: what a verifier says when a path comes to it. */
export function fieldsProblem(insn: Insn): string | undefined {
  const problem = operandProblem(insn);
  return problem === undefined || ON_REGISTERS.test(problem) ? undefined : problem;
}

/** What is wrong with one instruction by itself; `next` is the slot that follows, for the second half of `ld_imm64`. */
export function insnProblem(insn: Insn, next: Insn | undefined): string | undefined {
  return opcodeProblem(insn, next) ?? operandProblem(insn);
}

/** Calls to this program's functions first: each target starts a function, out of which no jump may lead and which has to end. */
function targetsProblem(insns: readonly Insn[]): ProgramProblem | undefined {
  const starts = new Set([0]);
  for (const [at, insn] of insns.entries()) {
    if (!isLocalTarget(insn)) continue;
    const target = at + 1 + insn.imm;
    if (target < 0 || target >= insns.length) return { insn: at, problem: 'call to invalid destination' };
    starts.add(target);
  }
  let start = 0;
  let end = functionEnd(insns, starts, 0);
  for (const [at, insn] of insns.entries()) {
    if (at === end) {
      start = at;
      end = functionEnd(insns, starts, at);
    }
    const target = jumpTarget(insn, at);
    if (target !== undefined && (target < start || target >= end))
      return { insn: at, problem: `jump out of range from insn ${at} to ${target}` };
    const kind = at === end - 1 ? operationOf(insn.opcode)?.kind : 'exit';
    if (kind !== 'exit' && kind !== 'goto') return { insn: at, problem: 'last insn is not an exit or jmp' };
  }
  return undefined;
}

function functionEnd(insns: readonly Insn[], starts: ReadonlySet<number>, start: number): number {
  let end = start + 1;
  while (end < insns.length && !starts.has(end)) end++;
  return end;
}

function firstProblem(
  insns: readonly Insn[],
  problemOf: (insn: Insn, next: Insn | undefined) => string | undefined,
): ProgramProblem | undefined {
  for (let at = 0; at < insns.length; ) {
    const insn = insns[at];
    if (insn === undefined) break;
    const problem = problemOf(insn, insns[at + 1]);
    if (problem !== undefined) return { insn: at, problem };
    at += insnSlots(insn);
  }
  return undefined;
}

/** The slot that a jump leads to; `undefined` for what is no jump. An opcode of a jump's class that no row has counts as one, as in the kernel. */
export function jumpTarget({ opcode, off, imm }: Insn, at: number): number | undefined {
  const insnClass = opcode & CLASS_MASK;
  if (insnClass !== BPF_JMP && insnClass !== BPF_JMP32) return undefined;
  const op = opcode & OP_MASK;
  if (op === BPF_CALL || op === BPF_EXIT) return undefined;
  return at + 1 + (opcode === (BPF_JMP32 | BPF_JA) ? imm : off);
}

/** A call of, or the address of, a function of the same program. */
function isLocalTarget({ opcode, src }: Insn): boolean {
  if (opcode === LD_IMM64) return src === BPF_PSEUDO_FUNC;
  return operationOf(opcode)?.kind === 'call' && src === BPF_PSEUDO_CALL;
}

/** What is looked at before any instruction is followed. */
function opcodeProblem(insn: Insn, next: Insn | undefined): string | undefined {
  const mode = insn.opcode & MODE_MASK;
  if ((insn.opcode & CLASS_MASK) === BPF_LDX && ((mode !== BPF_MEM && mode !== BPF_MEMSX) || insn.imm !== 0))
    return 'BPF_LDX uses reserved fields';
  const operation = operationOf(insn.opcode);
  if (operation === undefined) return `unknown opcode ${insn.opcode.toString(16).padStart(2, '0')}`;
  if (operation.kind !== 'ld_imm64') return undefined;
  if (next === undefined || next.opcode !== 0 || next.dst !== 0 || next.src !== 0 || next.off !== 0)
    return 'invalid bpf_ld_imm64 insn';
  const { src } = insn;
  const wantsNoHigh = src === BPF_PSEUDO_MAP_FD || src === BPF_PSEUDO_MAP_IDX;
  return src > BPF_PSEUDO_MAP_IDX_VALUE || (wantsNoHigh && next.imm !== 0)
    ? 'unrecognized bpf_ld_imm64 insn'
    : undefined;
}

/** Fields that the operation has no use for must be zero, and those it has must hold what it takes. */
function operandProblem(insn: Insn): string | undefined {
  const { dst, src, off, imm } = insn;
  const operation = operationOf(insn.opcode);
  const reserved = (name: string, ...fields: readonly number[]) =>
    fields.some((field) => field !== 0) ? `${name} uses reserved fields` : undefined;
  switch (operation?.kind) {
    case undefined:
      return undefined;
    case 'alu':
      return aluProblem(insn, operation) ?? registers(insn, operation.source === 'reg', true);
    case 'neg':
      return reserved('BPF_NEG', src, off, imm) ?? registers(insn, false, true);
    case 'end':
      return (
        (imm === 16 || imm === 32 || imm === 64 ? reserved('BPF_END', src, off) : 'BPF_END uses reserved fields') ??
        registers(insn, false, true)
      );
    case 'load':
      return registers(insn, true, true);
    case 'store':
      return operation.source === 'reg'
        ? (reserved('BPF_STX', imm) ?? registers(insn, true, false))
        : (reserved('BPF_ST', src) ?? registers(insn, false, false));
    case 'atomic':
      return atomicProblem(insn, operation.size);
    case 'ld_imm64':
      return reserved('BPF_LD_IMM64', off) ?? registers(insn, false, true);
    case 'ld_abs':
      return reserved('BPF_LD_[ABS|IND]', dst, src, off);
    case 'ld_ind':
      return reserved('BPF_LD_[ABS|IND]', dst, off) ?? registers(insn, true, false);
    case 'jump':
      return (
        registers(insn, false, false) ??
        reserved('BPF_JMP/JMP32', operation.source === 'reg' ? imm : src) ??
        registers(insn, operation.source === 'reg', false)
      );
    case 'goto':
      return reserved('BPF_JA', src, dst, operation.wide ? off : imm);
    case 'may_goto':
      return src !== 0 || dst !== 0 || imm !== 0 ? `invalid may_goto imm ${imm}` : undefined;
    case 'call':
      return src > BPF_PSEUDO_KFUNC_CALL
        ? 'BPF_CALL uses reserved fields'
        : reserved('BPF_CALL', dst, src === BPF_PSEUDO_KFUNC_CALL ? 0 : off);
    case 'exit':
      return reserved('BPF_EXIT', src, dst, imm);
  }
}

function aluProblem(insn: Insn, operation: Extract<Operation, { kind: 'alu' }>): string | undefined {
  const { src, off, imm } = insn;
  const { op, bits, source } = operation;
  if (op === 'mov') {
    if (source === 'imm') return src !== 0 || off !== 0 ? 'BPF_MOV uses reserved fields' : undefined;
    if (bits === 64 && off === BPF_ADDR_SPACE_CAST) {
      return imm === 1 || imm === 1 << 16
        ? undefined
        : 'addr_space_cast insn can only convert between address space 1 and 0';
    }
    const isWidth = off === 0 || off === 8 || off === 16 || (off === 32 && bits === 64);
    return isWidth && imm === 0 ? undefined : 'BPF_MOV uses reserved fields';
  }
  const isDivision = op === 'div' || op === 'mod';
  const isSigned = off === 1 && isDivision;
  if ((source === 'reg' ? imm : src) !== 0 || (off !== 0 && !isSigned)) return 'BPF_ALU uses reserved fields';
  if (source === 'reg') return undefined;
  if (isDivision && imm === 0) return 'div by zero';
  const isShift = op === 'lsh' || op === 'rsh' || op === 'arsh';
  return isShift && (imm < 0 || imm >= bits) ? `invalid shift ${imm}` : undefined;
}

function atomicProblem(insn: Insn, size: number): string | undefined {
  const atomic = atomicOf(insn.imm);
  if (atomic === undefined) {
    const imm = (insn.imm >>> 0).toString(16).padStart(2, '0');
    return `BPF_ATOMIC uses invalid atomic opcode ${imm}`;
  }
  if (atomic.op === 'load') return registers(insn, true, true);
  if (atomic.op !== 'store' && size < 4) return 'invalid atomic operand size';
  // The old value goes into src, except that of a cmpxchg.
  const writesSrc = atomic.fetch && atomic.op !== 'cmpxchg';
  return registers(insn, true, false) ?? (writesSrc && insn.src === BPF_REG_10 ? READ_ONLY : undefined);
}

/** r0 to r10 are there, and r10 is not written. */
function registers({ dst, src }: Insn, usesSrc: boolean, writesDst: boolean): string | undefined {
  if (usesSrc && src > BPF_REG_10) return `R${src} is invalid`;
  if (dst > BPF_REG_10) return `R${dst} is invalid`;
  return writesDst && dst === BPF_REG_10 ? READ_ONLY : undefined;
}
