import { describe, expect, it } from 'vitest';
import { fromHex } from '../bytes/hex.ts';
import { insnProblem, programProblem } from './check.ts';
import { decodeInsns, type Insn } from './insn.ts';
import { allOperations } from './table.ts';

const insns = (hex: string) => decodeInsns(fromHex(hex) ?? new Uint8Array(0));
const EXIT = '9500000000000000';

describe('programProblem', () => {
  // [what, bytes, slot and problem]
  it.each<[string, string, number, string]>([
    ['no instruction that exists', `ff00000000000000 ${EXIT}`, 0, 'unknown opcode ff'],
    ['a jump before the start', `0500feff00000000 ${EXIT}`, 0, 'jump out of range from insn 0 to -1'],
    ['a jump past the end', `1500010000000000 ${EXIT}`, 0, 'jump out of range from insn 0 to 2'],
    ['a long jump past the end', `06000000e8030000 ${EXIT}`, 0, 'jump out of range from insn 0 to 1001'],
    [
      'a jump into another function',
      `8510000001000000 ${EXIT} 0500feff00000000 ${EXIT}`,
      2,
      'jump out of range from insn 2 to 1',
    ],
    ['a call past the end', `8510000009000000 ${EXIT}`, 0, 'call to invalid destination'],
    ['an end without exit', 'b700000000000000', 0, 'last insn is not an exit or jmp'],
    [
      'a function without exit',
      `8510000002000000 ${EXIT} b700000000000000 ${EXIT}`,
      2,
      'last insn is not an exit or jmp',
    ],
    ['half an ld_imm64', `${EXIT} 1800000000000000`, 1, 'last insn is not an exit or jmp'],
    ['an ld_imm64 with another second half', `1800000000000000 ${EXIT}`, 0, 'invalid bpf_ld_imm64 insn'],
    ['an ld_imm64 of nothing known', `1870000000000000 0000000000000000 ${EXIT}`, 0, 'unrecognized bpf_ld_imm64 insn'],
  ])('%s', (_, hex, insn, problem) => {
    expect(programProblem(insns(hex))).toEqual({ insn, problem });
  });

  it.each<[string, string]>([
    ['the least', EXIT],
    ['a jump back at the end', `b700000000000000 0500feff00000000`],
    ['a function that is called', `8510000001000000 ${EXIT} b700000000000000 ${EXIT}`],
    ['a 64-bit immediate whose second half looks like nothing', `1800000001000000 00000000ffffffff ${EXIT}`],
  ])('lets %s pass', (_, hex) => {
    expect(programProblem(insns(hex))).toBeUndefined();
  });
});

describe('insnProblem', () => {
  it.each<[string, string]>([
    ['b70b000000000000', 'R11 is invalid'],
    ['bfb1000000000000', 'R11 is invalid'],
    ['b70a000000000000', 'frame pointer is read only'],
    ['b711000000000000', 'BPF_MOV uses reserved fields'],
    ['bf12070000000000', 'BPF_MOV uses reserved fields'],
    ['bc12200000000000', 'BPF_MOV uses reserved fields'],
    ['bf12010002000000', 'addr_space_cast insn can only convert between address space 1 and 0'],
    ['0701010001000000', 'BPF_ALU uses reserved fields'],
    ['3701000000000000', 'div by zero'],
    ['6701000040000000', 'invalid shift 64'],
    ['6401000020000000', 'invalid shift 32'],
    ['8701000001000000', 'BPF_NEG uses reserved fields'],
    ['dc01000008000000', 'BPF_END uses reserved fields'],
    ['61a1fcff01000000', 'BPF_LDX uses reserved fields'],
    ['7b1af8ff01000000', 'BPF_STX uses reserved fields'],
    ['721af8ff00000000', 'BPF_ST uses reserved fields'],
    ['db1af8ff10000000', 'BPF_ATOMIC uses invalid atomic opcode 10'],
    ['d31af8ff00000000', 'invalid atomic operand size'],
    ['db0a01000100ffff', 'BPF_ATOMIC uses invalid atomic opcode ffff0001'],
    ['3010000000000000', 'BPF_LD_[ABS|IND] uses reserved fields'],
    ['1511010000000000', 'BPF_JMP/JMP32 uses reserved fields'],
    ['0500010001000000', 'BPF_JA uses reserved fields'],
    ['0600010001000000', 'BPF_JA uses reserved fields'],
    ['e500010003000000', 'invalid may_goto imm 3'],
    ['8500010001000000', 'BPF_CALL uses reserved fields'],
    ['8530000001000000', 'BPF_CALL uses reserved fields'],
    ['9501000000000000', 'BPF_EXIT uses reserved fields'],
  ])('%s: %s', (hex, problem) => {
    const [insn] = insns(hex);
    expect(insn && insnProblem(insn, undefined)).toBe(problem);
  });

  it('has a form without problem for every row of the table', () => {
    for (const [opcode, { kind }] of allOperations()) {
      const imm = kind === 'end' ? 16 : kind === 'atomic' ? 0x110 : kind === 'alu' && (opcode & 8) === 0 ? 1 : 0;
      const insn: Insn = { opcode, dst: 0, src: 0, off: 0, imm };
      const next: Insn = { opcode: 0, dst: 0, src: 0, off: 0, imm: 0 };
      expect([opcode, insnProblem(insn, next)]).toEqual([opcode, undefined]);
    }
  });
});
