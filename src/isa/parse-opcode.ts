import type { Insn } from './insn.ts';
import type { AssemblyLine } from './parse-line.ts';
import {
  ALU_OPS,
  type AluOp,
  ATOMICS,
  type AtomicName,
  allOperations,
  JUMP_OPS,
  type JumpOp,
  type Operation,
} from './table.ts';

// The instruction table, the other way round.

const opcodes = new Map(allOperations().map(([opcode, operation]) => [keyOf(operation), opcode]));

/** The opcode whose row this is; `undefined`: no instruction does that, such as a signed load of 8 bytes. */
function opcodeOf(operation: Operation): number | undefined {
  return opcodes.get(keyOf(operation));
}

function keyOf(operation: Operation): string {
  const fields = Object.entries(operation).map(([name, value]) => `${name}=${value}`);
  return fields.sort().join(' ');
}

/** The instruction that does this; fields left out are 0. */
export function createInsn(line: AssemblyLine, operation: Operation, fields: Partial<Insn> = {}): Insn {
  const opcode = opcodeOf(operation) ?? line.failAt(1, 'there is no such instruction');
  return { opcode, dst: 0, src: 0, off: 0, imm: 0, ...fields };
}

/** What stands between the operands of an arithmetic instruction; `signed`: division with `off` 1. */
export interface AluSymbol {
  readonly op: AluOp;
  readonly signed: boolean;
}

/** Longest first, so that the start of a symbol is not taken for one. */
function longestFirst<T>(symbols: readonly (readonly [symbol: string, value: T])[]): readonly (readonly [string, T])[] {
  return [...symbols].sort(([a], [b]) => b.length - a.length);
}

// The tables' keys are their own type; Object.entries widens them.
const aluRows = Object.entries(ALU_OPS) as [AluOp, (typeof ALU_OPS)[AluOp]][];
const jumpRows = Object.entries(JUMP_OPS) as [JumpOp, (typeof JUMP_OPS)[JumpOp]][];
const atomicRows = Object.entries(ATOMICS) as [AtomicName, (typeof ATOMICS)[AtomicName]][];

const aluSymbols = longestFirst<AluSymbol>([
  ...aluRows.map(([op, [, symbol]]) => [symbol, { op, signed: false }] as const),
  ...(['div', 'mod'] as const).map((op) => [`s${ALU_OPS[op][1]}`, { op, signed: true }] as const),
]);
const jumpSymbols = longestFirst<JumpOp>(jumpRows.map(([op, [, symbol]]) => [symbol, op]));

/** Takes `+=`, `s>>=`, `s/=`, `=`. */
export function aluSymbol(line: AssemblyLine): AluSymbol {
  return aluSymbols.find(([symbol]) => line.take(symbol))?.[1] ?? line.fail("'=' or an operation such as '+='");
}

/** Takes `==`, `s>`, `&`. */
export function jumpSymbol(line: AssemblyLine): JumpOp {
  return jumpSymbols.find(([symbol]) => line.take(symbol))?.[1] ?? line.fail("a comparison such as '=='");
}

/** `imm` of `lock *… += …`; `undefined`: the operation is not one that is done atomically. */
export function lockedImm(op: AluOp): number | undefined {
  return atomicRows.find(([, row]) => row.op === op && !row.fetch)?.[1].imm;
}

/** `imm` of `fetch_add`, `xchg`, `cmpxchg`: what follows `atomic_` or `atomic64_`. */
export function fetchingImm(name: string): number | undefined {
  return atomicRows.find(([key, row]) => key === name && row.fetch && row.op !== 'load')?.[1].imm;
}
