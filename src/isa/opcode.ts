/**
 * The opcode byte of a BPF instruction. The three low bits are the class; the rest depends on it:
 *
 *     ALU, ALU64, JMP, JMP32          LD, LDX, ST, STX
 *     7     4   3   2   0             7   5   4 3   2   0
 *     +------+---+-------+            +-----+-----+-------+
 *     | op   | S | class |            | mode| size| class |
 *     +------+---+-------+            +-----+-----+-------+
 *
 * S: 0 (K) takes the immediate, 1 (X) the source register. Source: RFC 9669.
 */
export const CLASS_MASK = 0x07;
export const OP_MASK = 0xf0;
export const MODE_MASK = 0xe0;
export const SIZE_MASK = 0x18;
/** Set: the second operand is the source register. */
export const BPF_X = 0x08;
export const BPF_K = 0x00;

export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;

export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_MEMSX = 0x80;
export const BPF_ATOMIC = 0xc0;

export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
export const BPF_END = 0xd0;

export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;
/** may_goto: the branch is taken when the kernel's loop budget is used up. Linux >= 6.9. */
export const BPF_JCOND = 0xe0;

/** `ld_imm64`: the only instruction of two slots. */
export const LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW;

// src of `ld_imm64`: what the immediate stands for.
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;
export const BPF_PSEUDO_BTF_ID = 3;
export const BPF_PSEUDO_FUNC = 4;
export const BPF_PSEUDO_MAP_IDX = 5;
export const BPF_PSEUDO_MAP_IDX_VALUE = 6;

// src of `call`: a helper (0), a function of this program, a function of the kernel.
export const BPF_PSEUDO_CALL = 1;
export const BPF_PSEUDO_KFUNC_CALL = 2;

// imm of an atomic instruction, besides the ALU operations.
export const BPF_FETCH = 0x01;
export const BPF_XCHG = 0xe0 | BPF_FETCH;
export const BPF_CMPXCHG = 0xf0 | BPF_FETCH;
/** Linux >= 6.15. */
export const BPF_LOAD_ACQ = 0x100;
export const BPF_STORE_REL = 0x110;

/** off of a MOV between registers that changes the address space of an arena pointer. Linux >= 6.9. */
export const BPF_ADDR_SPACE_CAST = 1;

// What only a kernel puts into a program; `dump xlated` shows it.
/** off of a MOV between registers: the address becomes this CPU's. Linux >= 6.10. */
export const BPF_ADDR_PERCPU = -1;
/** The opcode of a barrier against speculative execution. */
export const BPF_NOSPEC = BPF_ST | 0xc0;

/** The highest register: the frame pointer, read-only. */
export const BPF_REG_10 = 10;
