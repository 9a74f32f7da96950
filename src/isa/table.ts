import * as O from './opcode.ts';

/**
 * Every opcode that a BPF program may contain (ISA v1 to v4), once. The decoder's check, the printer, the interpreter and what comes later read
 * this table; an opcode without a row is unknown. Which values `off`, `imm` and `src` may have beyond what the row says is decided in
 * `insnProblem`.
 */
export type Operation =
  | { readonly kind: 'alu'; readonly op: AluOp; readonly bits: 32 | 64; readonly source: 'imm' | 'reg' }
  | { readonly kind: 'neg'; readonly bits: 32 | 64 }
  /** Byte order: `imm` is the width. `to` swaps always, or to that order. */
  | { readonly kind: 'end'; readonly to: 'le' | 'be' | 'swap' }
  | { readonly kind: 'load'; readonly size: MemSize; readonly signed: boolean }
  | { readonly kind: 'store'; readonly size: MemSize; readonly source: 'imm' | 'reg' }
  /** What it does is in `imm`: see {@link ATOMICS}. */
  | { readonly kind: 'atomic'; readonly size: MemSize }
  | { readonly kind: 'ld_imm64' }
  /** Classic packet loads: `skb[imm]`, `skb[src + imm]`, in network byte order, into r0. */
  | { readonly kind: 'ld_abs' | 'ld_ind'; readonly size: MemSize }
  | { readonly kind: 'jump'; readonly op: JumpOp; readonly bits: 32 | 64; readonly source: 'imm' | 'reg' }
  /** `wide`: the distance is in `imm`, not in `off`. */
  | { readonly kind: 'goto'; readonly wide: boolean }
  | { readonly kind: 'may_goto' | 'call' | 'exit' };

/** Bytes. */
export type MemSize = 1 | 2 | 4 | 8;

/** Arithmetic: code, and how the kernel's disassembly writes it. */
// biome-ignore format: aligned table
export const ALU_OPS = {
  add: [O.BPF_ADD, '+='], sub: [O.BPF_SUB, '-='],  mul: [O.BPF_MUL, '*='],  div: [O.BPF_DIV, '/='],  or:  [O.BPF_OR, '|='],
  and: [O.BPF_AND, '&='], lsh: [O.BPF_LSH, '<<='], rsh: [O.BPF_RSH, '>>='], mod: [O.BPF_MOD, '%='], xor: [O.BPF_XOR, '^='],
  mov: [O.BPF_MOV, '='],  arsh: [O.BPF_ARSH, 's>>='],
} as const;
export type AluOp = keyof typeof ALU_OPS;

/** Conditional jumps: code, and how the kernel's disassembly writes the condition. */
// biome-ignore format: aligned table
export const JUMP_OPS = {
  jeq:  [O.BPF_JEQ, '=='],  jgt:  [O.BPF_JGT, '>'],    jge: [O.BPF_JGE, '>='], jset: [O.BPF_JSET, '&'],  jne:  [O.BPF_JNE, '!='],
  jsgt: [O.BPF_JSGT, 's>'], jsge: [O.BPF_JSGE, 's>='], jlt: [O.BPF_JLT, '<'],  jle:  [O.BPF_JLE, '<='], jslt: [O.BPF_JSLT, 's<'],
  jsle: [O.BPF_JSLE, 's<='],
} as const;
export type JumpOp = keyof typeof JUMP_OPS;

/** What `imm` of an atomic instruction means. `fetch`: the old value goes into the source register (cmpxchg: into r0). */
// biome-ignore format: aligned table
export const ATOMICS = {
  add:           { imm: O.BPF_ADD,                 op: 'add',     fetch: false },
  or:            { imm: O.BPF_OR,                  op: 'or',      fetch: false },
  and:           { imm: O.BPF_AND,                 op: 'and',     fetch: false },
  xor:           { imm: O.BPF_XOR,                 op: 'xor',     fetch: false },
  fetch_add:     { imm: O.BPF_ADD | O.BPF_FETCH,   op: 'add',     fetch: true },
  fetch_or:      { imm: O.BPF_OR | O.BPF_FETCH,    op: 'or',      fetch: true },
  fetch_and:     { imm: O.BPF_AND | O.BPF_FETCH,   op: 'and',     fetch: true },
  fetch_xor:     { imm: O.BPF_XOR | O.BPF_FETCH,   op: 'xor',     fetch: true },
  xchg:          { imm: O.BPF_XCHG,                op: 'xchg',    fetch: true },
  cmpxchg:       { imm: O.BPF_CMPXCHG,             op: 'cmpxchg', fetch: true },
  load_acquire:  { imm: O.BPF_LOAD_ACQ,            op: 'load',    fetch: true },
  store_release: { imm: O.BPF_STORE_REL,           op: 'store',   fetch: false },
} as const;
export type AtomicName = keyof typeof ATOMICS;
export type Atomic = (typeof ATOMICS)[AtomicName];

const atomicByImm = new Map<number, Atomic>(Object.values(ATOMICS).map((atomic) => [atomic.imm, atomic]));

/** The row of an atomic's `imm`; `undefined` if there is none. */
export function atomicOf(imm: number): Atomic | undefined {
  return atomicByImm.get(imm);
}

const SIZES: readonly (readonly [code: number, size: MemSize])[] = [
  [O.BPF_B, 1],
  [O.BPF_H, 2],
  [O.BPF_W, 4],
  [O.BPF_DW, 8],
];
const SOURCES = [
  [O.BPF_K, 'imm'],
  [O.BPF_X, 'reg'],
] as const;

function* rows(): Generator<readonly [opcode: number, operation: Operation]> {
  // The tables' keys are their own type; Object.entries widens them.
  const aluOps = Object.entries(ALU_OPS) as [AluOp, (typeof ALU_OPS)[AluOp]][];
  const jumpOps = Object.entries(JUMP_OPS) as [JumpOp, (typeof JUMP_OPS)[JumpOp]][];
  for (const [bits, aluClass, jumpClass] of [
    [64, O.BPF_ALU64, O.BPF_JMP],
    [32, O.BPF_ALU, O.BPF_JMP32],
  ] as const) {
    for (const [code, source] of SOURCES) {
      for (const [op, [opCode]] of aluOps) yield [aluClass | opCode | code, { kind: 'alu', op, bits, source }];
      for (const [op, [opCode]] of jumpOps) yield [jumpClass | opCode | code, { kind: 'jump', op, bits, source }];
    }
    yield [aluClass | O.BPF_NEG, { kind: 'neg', bits }];
  }
  yield [O.BPF_ALU | O.BPF_END | O.BPF_K, { kind: 'end', to: 'le' }];
  yield [O.BPF_ALU | O.BPF_END | O.BPF_X, { kind: 'end', to: 'be' }];
  yield [O.BPF_ALU64 | O.BPF_END | O.BPF_K, { kind: 'end', to: 'swap' }];
  for (const [code, size] of SIZES) {
    yield [O.BPF_LDX | O.BPF_MEM | code, { kind: 'load', size, signed: false }];
    if (size < 8) yield [O.BPF_LDX | O.BPF_MEMSX | code, { kind: 'load', size, signed: true }];
    yield [O.BPF_ST | O.BPF_MEM | code, { kind: 'store', size, source: 'imm' }];
    yield [O.BPF_STX | O.BPF_MEM | code, { kind: 'store', size, source: 'reg' }];
    yield [O.BPF_STX | O.BPF_ATOMIC | code, { kind: 'atomic', size }];
    if (size < 8) {
      yield [O.BPF_LD | O.BPF_ABS | code, { kind: 'ld_abs', size }];
      yield [O.BPF_LD | O.BPF_IND | code, { kind: 'ld_ind', size }];
    }
  }
  yield [O.LD_IMM64, { kind: 'ld_imm64' }];
  yield [O.BPF_JMP | O.BPF_JA, { kind: 'goto', wide: false }];
  yield [O.BPF_JMP32 | O.BPF_JA, { kind: 'goto', wide: true }];
  yield [O.BPF_JMP | O.BPF_JCOND, { kind: 'may_goto' }];
  yield [O.BPF_JMP | O.BPF_CALL, { kind: 'call' }];
  yield [O.BPF_JMP | O.BPF_EXIT, { kind: 'exit' }];
}

const OPERATIONS: readonly (Operation | undefined)[] = (() => {
  const table: (Operation | undefined)[] = new Array(256).fill(undefined);
  for (const [opcode, operation] of rows()) table[opcode] = operation;
  return table;
})();

/** What an opcode does; `undefined`: no BPF instruction has it. */
export function operationOf(opcode: number): Operation | undefined {
  return OPERATIONS[opcode];
}

/** All rows, for tests and for code that is generated from them. */
export function allOperations(): readonly (readonly [opcode: number, operation: Operation])[] {
  return [...rows()];
}
