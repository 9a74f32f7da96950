import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../bytes/hex.ts';
import { formatInsn } from './format.ts';
import { decodeInsns, encodeInsns, type Insn, ldImm64 } from './insn.ts';
import * as O from './opcode.ts';
import { allOperations, operationOf } from './table.ts';

// The texts are those of the Linux 6.18 verifier's log for the same bytes; linux.test.ts compares with the running kernel.
// biome-ignore format: aligned table
const CASES: readonly (readonly [bytes: string, text: string])[] = [
  ['b701000000000000', '(b7) r1 = 0'],
  ['b4010000ffffffff', '(b4) w1 = -1'],
  ['07020000fcffffff', '(07) r2 += -4'],
  ['0f21000000000000', '(0f) r1 += r2'],
  ['1c21000000000000', '(1c) w1 -= w2'],
  ['3f21010000000000', '(3f) r1 s/= r2'],
  ['9421010003000000', '(94) w1 s%= 3'],
  ['c701000007000000', '(c7) r1 s>>= 7'],
  ['8701000000000000', '(87) r1 = -r1'],
  ['8401000000000000', '(84) w1 = -w1'],
  ['bf12000000000000', '(bf) r2 = r1'],
  ['bf12080000000000', '(bf) r2 = (s8)r1'],
  ['bc12100000000000', '(bc) w2 = (s16)w1'],
  ['bf12010000000100', '(bf) r2 = addr_space_cast(r1, 1, 0)'],
  ['bf00ffff00000000', '(bf) r0 = &(void __percpu *)(r0)'],
  ['dc01000010000000', '(dc) r1 = be16 r1'],
  ['d401000020000000', '(d4) r1 = le32 r1'],
  ['d701000040000000', '(d7) r1 = bswap64 r1'],
  ['7b1af8ff00000000', '(7b) *(u64 *)(r10 -8) = r1'],
  ['631afcff00000000', '(63) *(u32 *)(r10 -4) = r1'],
  ['720af8ff07000000', '(72) *(u8 *)(r10 -8) = 7'],
  ['61a1fcff00000000', '(61) r1 = *(u32 *)(r10 -4)'],
  ['9112000000000000', '(91) r2 = *(s8 *)(r1 +0)'],
  ['db10000000000000', '(db) lock *(u64 *)(r0 +0) += r1'],
  ['c310000050000000', '(c3) lock *(u32 *)(r0 +0) &= r1'],
  ['db10000001000000', '(db) r1 = atomic64_fetch_add((u64 *)(r0 +0), r1)'],
  ['c3100000e1000000', '(c3) r1 = atomic_xchg((u32 *)(r0 +0), r1)'],
  ['db120000f1000000', '(db) r0 = atomic64_cmpxchg((u64 *)(r2 +0), r0, r1)'],
  ['db21080000010000', '(db) r1 = load_acquire((u64 *)(r2 +8))'],
  ['c321080010010000', '(c3) store_release((u32 *)(r1 +8), r2)'],
  ['db10000010000000', 'BUG_db'],
  ['c200000000000000', '(c2) nospec'],
  ['3000000017000000', '(30) r0 = *(u8 *)skb[23]'],
  ['4830000002000000', '(48) r0 = *(u16 *)skb[r3 + 2]'],
  ['1501030000000000', '(15) if r1 == 0x0 goto pc+3'],
  ['5512feff05000000', '(55) if r2 != 0x5 goto pc-2'],
  ['1d21010000000000', '(1d) if r1 == r2 goto pc+1'],
  ['6601020004000000', '(66) if w1 s> 0x4 goto pc+2'],
  ['450101000000ff80', '(45) if r1 & 0x80ff0000 goto pc+1'],
  ['0500030000000000', '(05) goto pc+3'],
  ['06000000f6ffffff', '(06) gotol pc-10'],
  ['e500010000000000', '(e5) may_goto pc+1'],
  ['8500000001000000', '(85) call bpf_map_lookup_elem#1'],
  ['8500000000100000', '(85) call unknown#4096'],
  ['8510000005000000', '(85) call pc+5'],
  ['8520000007000000', '(85) call kernel-function#7'],
  ['9500000000000000', '(95) exit'],
  ['180100000d0000000000000001000000', '(18) r1 = 0x10000000d'],
];

describe('formatInsn', () => {
  it.each(CASES)('%s', (bytes, text) => {
    const [insn, next] = decodeInsns(fromHex(bytes) ?? new Uint8Array(0));
    expect(insn && formatInsn(insn, next)).toBe(text);
  });

  it('has a text for every opcode of the table, for the barrier, and for no other', () => {
    const known = new Set([...allOperations().map(([opcode]) => opcode), O.BPF_NOSPEC]);
    for (let opcode = 0; opcode < 256; opcode++) {
      const text = formatInsn({ opcode, dst: 1, src: 2, off: 0, imm: 0 }, undefined);
      expect(text.startsWith('BUG_')).toBe(!known.has(opcode));
    }
  });
});

describe('the instruction table', () => {
  it('gives each opcode one row', () => {
    const opcodes = allOperations().map(([opcode]) => opcode);
    expect(new Set(opcodes).size).toBe(opcodes.length);
    expect(operationOf(O.LD_IMM64)).toEqual({ kind: 'ld_imm64' });
  });
});

describe('encodeInsns', () => {
  const insn: fc.Arbitrary<Insn> = fc.record({
    opcode: fc.nat(255),
    dst: fc.nat(15),
    src: fc.nat(15),
    off: fc.integer({ min: -32768, max: 32767 }),
    imm: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  });

  it('is undone by decodeInsns', () => {
    fc.assert(
      fc.property(fc.array(insn), (insns) => {
        expect(decodeInsns(encodeInsns(insns))).toEqual(insns);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('writes 64-bit immediates in two slots', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const [low, high] = ldImm64(1, value);
        expect(formatInsn(low, high)).toBe(`(18) r1 = 0x${value.toString(16)}`);
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it('refuses half an instruction', () => {
    expect(() => decodeInsns(new Uint8Array(12))).toThrow('12 bytes are no whole number of 8-byte instructions');
  });
});
