import {
  ATOMICS,
  BPF_ADDR_SPACE_CAST,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_X,
  decodeInsn,
  INSN_SIZE,
  type Insn,
  jumpTarget,
  type Operation,
  operationOf,
} from '../../../isa/index.ts';

/**
 * The register that stands for the immediate: an instruction with an immediate is decoded as one with this source register, so that the
 * interpreter has one case for both forms.
 */
export const IMM = 11;
export const REGISTERS = 12;

/**
 * What the interpreter switches on. Below 256 it is the instruction's own opcode in its register form (BPF_X set, ST as STX); the rest are
 * forms that one opcode hides in `off`, `imm` or `src`.
 */
// biome-ignore format: aligned table
export const CODES = {
  invalid:  0x100,
  // Byte order, on a little-endian machine: le cuts off, be and bswap swap.
  swap16:   0x110, swap32:  0x111, swap64:  0x112, cut16: 0x113, cut32: 0x114, nop: 0x115,
  cast_user: 0x116,
  movsx8:   0x118, movsx16: 0x119, movsx32: 0x11a, movsx8_32: 0x11b, movsx16_32: 0x11c,
  sdiv:     0x120, smod:    0x121, sdiv32:  0x122, smod32: 0x123,
  call_pc:  0x130, tail_call: 0x131,
} as const;
/** Beside the opcode of a load: it is zero where the address leads nowhere. */
export const PROBED = 0x200;
/** Beside the opcode of a load, a store (as STX) or an atomic: it goes to the arena. */
export const IN_ARENA = 0x400;
/** Beside the opcode of a function's first instruction: a program has taken the function's place. */
export const REPLACED = 0x800;

export const BPF_FUNC_tail_call = 12;
/** Functions of the kernel are called as helpers are: by their place in their table, from here on. */
export const FIRST_KFUNC = 1 << 14;

/** A program as the interpreter runs it: one element a slot, so that an index is an instruction number of the program as loaded. */
export interface Code {
  readonly length: number;
  /** An opcode or one of {@link CODES}. */
  readonly code: Uint16Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  /** Jumps and calls within the program: the target slot. `ld_imm64`: the high word. Else the instruction's `off`. */
  readonly off: Int32Array;
  readonly imm: Int32Array;
}

/** Slots of what is {@link PROBED}, and {@link IN_ARENA}. */
export interface Marks {
  readonly probed?: ReadonlySet<number> | undefined;
  readonly inArena?: ReadonlySet<number> | undefined;
}

/**
 * Decodes a program once for many runs. Never fails: what is not an instruction becomes `CODES.invalid`, and a target outside the program is
 * found when the jump is taken.
 */
export function decodeProgram(insns: Uint8Array, { probed, inArena }: Marks = {}): Code {
  const length = Math.floor(insns.length / INSN_SIZE);
  const program: Code = {
    length,
    code: new Uint16Array(length).fill(CODES.invalid),
    dst: new Uint8Array(length),
    src: new Uint8Array(length),
    off: new Int32Array(length),
    imm: new Int32Array(length),
  };
  for (let pc = 0; pc < length; pc++) {
    const insn = decodeInsn(insns, pc);
    const operation = operationOf(insn.opcode);
    if (operation === undefined || insn.dst > 10 || insn.src > 10) continue;
    program.code[pc] =
      inArena?.has(pc) === true
        ? IN_ARENA | insn.opcode | (takesImmediate(operation) ? 1 : 0)
        : codeOf(insn, operation) | (operation.kind === 'load' && probed?.has(pc) === true ? PROBED : 0);
    program.dst[pc] = insn.dst;
    program.src[pc] = takesImmediate(operation) ? IMM : insn.src;
    program.imm[pc] = insn.imm;
    program.off[pc] = insn.off;
    if (operation.kind === 'call' && insn.src === BPF_PSEUDO_KFUNC_CALL) program.imm[pc] = FIRST_KFUNC + insn.imm;
    const target = jumpTarget(insn, pc) ?? (program.code[pc] === CODES.call_pc ? pc + 1 + insn.imm : undefined);
    if (target !== undefined) program.off[pc] = target;
    if (operation.kind === 'ld_imm64') {
      if (pc + 1 >= length) program.code[pc] = CODES.invalid;
      else program.off[pc] = decodeInsn(insns, pc + 1).imm;
      // A pointer to a function of this program: its slot. The relocated immediate counts from the next instruction.
      if (insn.src === BPF_PSEUDO_FUNC) program.imm[pc] = pc + 1 + insn.imm;
      pc++;
    }
  }
  return program;
}

export function markReplaced({ code }: Code, start: number, isReplaced: boolean): void {
  const opcode = code[start] ?? 0;
  code[start] = isReplaced ? opcode | REPLACED : opcode & ~REPLACED;
}

function takesImmediate(operation: Operation): boolean {
  return 'source' in operation && operation.source === 'imm';
}

function codeOf(insn: Insn, operation: Operation): number {
  switch (operation.kind) {
    case 'alu':
      return aluCode(insn, operation);
    case 'end':
      return endCode(insn, operation.to);
    case 'jump':
      return insn.opcode | BPF_X;
    case 'store':
      return operation.source === 'imm' ? insn.opcode | 1 : insn.opcode;
    case 'atomic':
      // One thread runs: acquiring and releasing are plain loads and stores. 0xc3 ^ 0xa2 = 0x61: mode ATOMIC to MEM, class STX to LDX.
      if (insn.imm === ATOMICS.load_acquire.imm) return insn.opcode ^ 0xa2;
      if (insn.imm === ATOMICS.store_release.imm) return insn.opcode ^ 0xa0;
      return operation.size >= 4 ? insn.opcode : CODES.invalid;
    case 'goto':
      return 0x05;
    case 'call':
      if (insn.src === BPF_PSEUDO_CALL) return CODES.call_pc;
      if (insn.src === BPF_PSEUDO_KFUNC_CALL) return insn.imm < 0 ? CODES.invalid : insn.opcode;
      if (insn.imm >= FIRST_KFUNC) return CODES.invalid;
      return insn.imm === BPF_FUNC_tail_call ? CODES.tail_call : insn.opcode;
    default:
      return insn.opcode;
  }
}

function aluCode(insn: Insn, { op, bits }: Extract<Operation, { kind: 'alu' }>): number {
  if (op === 'div' && insn.off === 1) return bits === 64 ? CODES.sdiv : CODES.sdiv32;
  if (op === 'mod' && insn.off === 1) return bits === 64 ? CODES.smod : CODES.smod32;
  if (op === 'mov' && insn.off !== 0) {
    if (insn.off === BPF_ADDR_SPACE_CAST) return bits === 64 ? CODES.cast_user : CODES.invalid;
    if (insn.off === 8) return bits === 64 ? CODES.movsx8 : CODES.movsx8_32;
    if (insn.off === 16) return bits === 64 ? CODES.movsx16 : CODES.movsx16_32;
    return insn.off === 32 && bits === 64 ? CODES.movsx32 : CODES.invalid;
  }
  return insn.opcode | BPF_X;
}

function endCode(insn: Insn, to: 'le' | 'be' | 'swap'): number {
  switch (insn.imm) {
    case 16:
      return to === 'le' ? CODES.cut16 : CODES.swap16;
    case 32:
      return to === 'le' ? CODES.cut32 : CODES.swap32;
    case 64:
      return to === 'le' ? CODES.nop : CODES.swap64;
    default:
      return CODES.invalid;
  }
}
