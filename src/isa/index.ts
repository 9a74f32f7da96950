export { insnProblem, jumpTarget, type ProgramProblem, programProblem } from './check.ts';
export { type FormatOptions, formatInsn } from './format.ts';
export { formatLlvm, type LlvmOptions } from './format-llvm.ts';
export { decodeInsn, decodeInsns, encodeInsns, INSN_SIZE, type Insn, insnSlots, ldImm64 } from './insn.ts';
export * from './opcode.ts';
export { type AssemblyOptions, parseAssembly } from './parse.ts';
export { type Patch, type Patched, POISON, patchInsn, poison } from './patch.ts';
export {
  ALU_OPS,
  type AluOp,
  ATOMICS,
  type Atomic,
  allOperations,
  atomicOf,
  JUMP_OPS,
  type JumpOp,
  type MemSize,
  type Operation,
  operationOf,
} from './table.ts';
export { programTag } from './tag.ts';
