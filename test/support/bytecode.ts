import { encodeInsns, type Insn, ldImm64 } from '../../src/isa/index.ts';

type Parts = Partial<Insn>;

/** The bytes of a program written as slots; nested lists (`ldImm64`) are flattened. */
export function bytecode(...insns: readonly (Parts | readonly Parts[])[]): Uint8Array {
  return encodeInsns(insns.flat());
}

/** The instructions that tests need most, by the names of the kernel's own macros where those are short. */
export const I = {
  mov: (dst: number, imm: number): Parts => ({ opcode: 0xb7, dst, imm }),
  movReg: (dst: number, src: number): Parts => ({ opcode: 0xbf, dst, src }),
  add: (dst: number, imm: number): Parts => ({ opcode: 0x07, dst, imm }),
  imm64: (dst: number, value: bigint): readonly Parts[] => ldImm64(dst, value),
  /** `ld_imm64` of a map's fd. */
  mapFd: (dst: number, fd: number): readonly Parts[] => ldImm64(dst, BigInt(fd), 1),
  /** `ld_imm64` of a place in a map's only value. */
  mapValue: (dst: number, fd: number, offset: number): readonly Parts[] =>
    ldImm64(dst, (BigInt(offset) << 32n) | BigInt(fd), 2),
  load: (size: 1 | 2 | 4 | 8, dst: number, src: number, off: number): Parts => ({
    opcode: { 1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79 }[size],
    dst,
    src,
    off,
  }),
  store: (size: 1 | 2 | 4 | 8, dst: number, off: number, src: number): Parts => ({
    opcode: { 1: 0x73, 2: 0x6b, 4: 0x63, 8: 0x7b }[size],
    dst,
    off,
    src,
  }),
  storeImm: (size: 1 | 2 | 4 | 8, dst: number, off: number, imm: number): Parts => ({
    opcode: { 1: 0x72, 2: 0x6a, 4: 0x62, 8: 0x7a }[size],
    dst,
    off,
    imm,
  }),
  goto: (off: number): Parts => ({ opcode: 0x05, off }),
  /** Jumps if dst equals imm. */
  jeq: (dst: number, imm: number, off: number): Parts => ({ opcode: 0x15, dst, imm, off }),
  call: (helper: number): Parts => ({ opcode: 0x85, imm: helper }),
  callPc: (distance: number): Parts => ({ opcode: 0x85, src: 1, imm: distance }),
  exit: { opcode: 0x95 } as const satisfies Parts,
} as const;
