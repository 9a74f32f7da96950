import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../test/support/cpu.ts';
import { toHex } from '../bytes/hex.ts';
import { ObjectError } from '../errors.ts';
import { formatInsn } from './format.ts';
import { formatLlvm } from './format-llvm.ts';
import { decodeInsns, encodeInsns, type Insn, insnSlots, ldImm64 } from './insn.ts';
import * as O from './opcode.ts';
import { type AssemblyOptions, parseAssembly } from './parse.ts';
import { ATOMICS, allOperations, type Operation } from './table.ts';

const MAPS = new Map([
  ['counters', 5],
  ['.rodata', 6],
]);
const options: AssemblyOptions = { map: (name) => MAPS.get(name) };

// Bytes as clang 19 and llvm-mc 19 make them of the same text where the text is LLVM's; format.test.ts has the kernel's texts.
// biome-ignore format: aligned table
const CASES: readonly (readonly [text: string, bytes: string])[] = [
  ['r1 = 0',                                          'b701000000000000'],
  ['w1 = -0x1',                                       'b4010000ffffffff'],
  ['w1 = 0xffffffff',                                 'b4010000ffffffff'],
  ['r1 += -4',                                        '07010000fcffffff'],
  ['r1 s>>= 7',                                       'c701000007000000'],
  ['w1 s/= w2',                                       '3c21010000000000'],
  ['r1 = -r1',                                        '8701000000000000'],
  ['r1=-5',                                           'b7010000fbffffff'],
  ['r1 = 0x0 ll',                                     '18010000000000000000000000000000'],
  ['r1 = -1 ll',                                      '18010000ffffffff00000000ffffffff'],
  ['(18) r1 = 0x1',                                   '18010000010000000000000000000000'],
  ['ld_pseudo\tr1, 0x1, 0x7',                         '18110000070000000000000000000000'],
  ['r1 = map[id:7]',                                  '18110000070000000000000000000000'],
  ['(18) r1 = map[fd:7][0]+8',                        '18210000070000000000000008000000'],
  ['r1 = map[id:7][0]',                               '18210000070000000000000000000000'],
  ['r1 = map[idx:2]',                                 '18510000020000000000000000000000'],
  ['r1 = map[idx:2][0]+1',                            '18610000020000000000000001000000'],
  ['r1 = map[name:counters]',                         '18110000050000000000000000000000'],
  ['r1 = map[name:.rodata][0]+4',                     '18210000060000000000000004000000'],
  ['r1 = counters ll',                                '18110000050000000000000000000000'],
  ['r1 = .rodata+0x4 ll',                             '18210000060000000000000004000000'],
  ['r1 = subprog[+2]',                                '18410000010000000000000000000000'],
  ['*(u32 *)(r10 - 0x4) = w1',                        '631afcff00000000'],
  ['*(u32 *)(r10 -4) = r1',                           '631afcff00000000'],
  ['*(u64*)(r10-8)=7',                                '7a0af8ff07000000'],
  ['w3 = *(u8 *)(r1 + 0x4)',                          '7113040000000000'],
  ['r3 = *(s32 *)(r1)',                               '8113000000000000'],
  ['r0 = *(u16 *)skb[0xc]',                           '280000000c000000'],
  ['r0 = *(u8 *)skb[r3]',                             '5030000000000000'],
  ['r0 = *(u8 *)skb[r3 + -2]',                        '50300000feffffff'],
  ['lock *(u64 *)(r2 + 0x0) += r3',                   'db32000000000000'],
  ['lock *(u32 *)(r2 + 0x4) |= w3',                   'c332040040000000'],
  ['w3 = atomic_fetch_add((u32 *)(r2 + 0x4), w3)',    'c332040001000000'],
  ['r3 = atomic64_fetch_xor((u64 *)(r2 +4), r3)',     'db320400a1000000'],
  ['w3 = xchg32_32(r2 + 0x4, w3)',                    'c3320400e1000000'],
  ['r3 = xchg_64(r2 + 0x4, r3)',                      'db320400e1000000'],
  ['w0 = cmpxchg32_32(r2 + 0x4, w0, w3)',             'c3320400f1000000'],
  ['r0 = atomic64_cmpxchg((u64 *)(r2 +4), r0, r3)',   'db320400f1000000'],
  ['w1 = load_acquire((u32 *)(r2 + 0x8))',            'c321080000010000'],
  ['store_release((u8 *)(r1 +8), r2)',                'd321080010010000'],
  ['r1 = addr_space_cast(r2, 0x1, 0x0)',              'bf21010000000100'],
  ['if r1 == 0xfffffffb goto pc-4',                   '1501fcfffbffffff'],
  ['if w1 s< -0x5 goto +0x3 <main+0x28>',             'c6010300fbffffff'],
  ['goto -0x1 <operator<<(int)>',                     '0500ffff00000000'],
  ['gotol +0x10000 <far>',                            '0600000000000100'],
  ['may_goto +0x1 <.text+0x10>',                      'e500010000000000'],
  ['call 0x1',                                        '8500000001000000'],
  ['call -0x5',                                       '85100000fbffffff'],
  ['call pc+5',                                       '8510000005000000'],
  ['call pc-2#bpf_prog_0123456789abcdef_sub',         '85100000feffffff'],
  ['call bpf_map_lookup_elem',                        '8500000001000000'],
  ['call __htab_map_lookup_elem#1234',                '85000000d2040000'],
  ['call kernel-function#7',                          '8520000007000000'],
  ['nospec',                                          'c200000000000000'],
  ['\t  12:\t(95) exit ; done',                       '9500000000000000'],
  ['0:\t95 00 00 00 00 00 00 00\texit',               '9500000000000000'],
  ['x.o:\tfile format elf64-bpf\r\n\r\nDisassembly of section tc:\r\n\r\n0000000000000000 <f>:\r\n 0:\texit\r\n', '9500000000000000'],
  ['exit # r0',                                       '9500000000000000'],
  ['# nothing\n  # nothing\n// r1\n\r\nexit // r0',   '9500000000000000'],
];

describe('parseAssembly', () => {
  it.each(CASES)('%s', (text, bytes) => {
    expect(toHex(encodeInsns(parseAssembly(text, options)))).toBe(bytes);
  });

  it('resolves labels forwards and backwards, in jumps, calls and addresses', () => {
    const insns = parseAssembly(`
      main:
        r1 = sub ll
        if r1 == 0 goto out
      again: inner:
        call sub
        may_goto again
        gotol main
      out:  exit
      sub:
        goto inner
        exit
      end:`);
    expect(insns.map((insn, at) => (insn.src === 4 ? at + 1 + insn.imm : (insn.imm || insn.off) + at + 1))).toEqual([
      7, 2, 6, 7, 3, 0, 7, 3, 9,
    ]);
    expect(insns.map((insn) => insn.src)).toEqual([4, 0, 0, 1, 0, 0, 0, 0, 0]);
  });

  it('reads the text of bpftool with functions and sources', () => {
    const text = `
int count(struct __sk_buff * skb):
; return helper(1, 2);
   0: (b7) r1 = 1
; struct value *v = &a[1];
   1: (85) call pc+2#bpf_prog_6deef7357e7b4530_helper
   2: (18) r1 = map[id:27][0]+4
   4: (95) exit
struct value *helper(int a, int (*b)(int)):
   5: (bf) r0 = r1
   6: (95) exit`;
    expect(parseAssembly(text).map(({ opcode }) => opcode)).toEqual([0xb7, 0x85, 0x18, 0, 0x95, 0xbf, 0x95]);
    expect(parseAssembly(`${text}\ncall helper`).at(-1)).toMatchObject({ src: 1, imm: -3 });
    expect(() => parseAssembly('r1 = foo(r2):')).toThrow(ObjectError);
  });

  it('prefers a label to a helper of the same name', () => {
    expect(parseAssembly('bpf_loop:\ncall bpf_loop')[0]).toMatchObject({ src: 1, imm: -1 });
    expect(parseAssembly('bpf_loop:\ncall bpf_loop#181')[0]).toMatchObject({ src: 0, imm: 181 });
  });

  // biome-ignore format: aligned table
  it.each<readonly [text: string, message: string]>([
    ['exit\nr1 = r11',                           'line 2, column 6: there is no register r11: r0 to r10 and w0 to w10 are expected'],
    ['frob r1',                                  "line 1, column 1: an instruction or a label expected, got 'frob r1'"],
    ['r1',                                       "line 1, column 3: '=' or an operation such as '+=' expected, got the end of the line"],
    ['r1 = w2',                                  'line 1, column 6: r2 expected, as wide as the register on the left'],
    ['r1 = -r2',                                 'line 1, column 7: r1 expected, as on the left'],
    ['  7: (b7) r1 = r2',                        'line 1, column 11: this is opcode bf, but (b7) stands before it'],
    ['r1 = 0xffffffff',                          "line 1, column 6: 4294967295 would become 18446744073709551615 in 64 bits; write -1, or load it with 'll'"],
    ['r1 = 0x100000000',                         'line 1, column 6: 4294967296 does not fit into 32 bits; `r1 = 4294967296 ll` loads 64'],
    ['r1 = 1 2',                                 "line 1, column 8: the end of the line expected, got '2'"],
    ['r1 = 1 ll 2',                              "line 1, column 11: the end of the line expected, got '2'"],
    [`r1 = ${'9'.repeat(41)}`,                   'line 1, column 6: a number of 41 characters is too large'],
    ['*(s8 *)(r1) = r2',                         'line 1, column 3: u8 expected'],
    ['*(u8 *)(r1 + 0x8000) = 1',                 'line 1, column 12: 32768 is not from -32768 to 32767'],
    ['*(u64 *)(r1) = w1',                        'line 1, column 16: r1 expected, got w1'],
    ['r1 = *(s64 *)(r2)',                        'line 1, column 1: there is no such instruction'],
    ['r1 = *(u8 *)skb[2]',                       'line 1, column 1: a load from skb goes into r0'],
    ['r0 = *(u64 *)skb[2]',                      'line 1, column 1: there is no such instruction'],
    ['lock *(u64 *)(r1) -= r2',                  "line 1, column 19: '+=', '|=', '&=' or '^=' expected"],
    ['r1 = atomic64_fetch_add((u32 *)(r2), r1)', 'line 1, column 25: (u64 *) expected'],
    ['r1 = atomic_fetch_sub((u32 *)(r2), r1)',   "line 1, column 6: a register, a number, or a name and 'll' expected, got 'atomic_fetch_sub((u3'"],
    ['r1 = atomic_xchg((u32 *)(r2), r3)',        'line 1, column 31: r1 expected, as on the left'],
    ['r1 = cmpxchg_64(r2 + 0, r1, r3)',          'line 1, column 1: cmpxchg leaves the old value in r0'],
    ['if r1 = 2 goto pc+1',                      "line 1, column 7: a comparison such as '==' expected, got '= 2 goto pc+1'"],
    ['if r1 == 2',                               "line 1, column 11: 'goto' expected, got the end of the line"],
    ['goto pc+32768',                            'line 1, column 8: 32768 is not from -32768 to 32767'],
    ['goto nowhere',                             'line 1, column 6: there is no label nowhere'],
    ['call frobnicate',                          'line 1, column 6: there is no label and no helper frobnicate'],
    ['call map_lookup_elem',                     'line 1, column 6: there is no label and no helper map_lookup_elem; the helper is bpf_map_lookup_elem'],
    ['call bpf_map_lookup_elem#2',               'line 1, column 6: helper 2 is bpf_map_update_elem, not bpf_map_lookup_elem'],
    ['a:\na: exit',                              'line 2, column 1: there is a label a already'],
    ['00000000 <a>:\n00000000 <a>:\ngoto a',     'line 3, column 6: there are several labels a'],
    ['r1 = map[name:nothing]',                   'line 1, column 15: there is no map nothing'],
    ['r1 = nothing ll',                          'line 1, column 6: there is no label and no map nothing'],
    ['a: r1 = a+1 ll',                           'line 1, column 9: a is a label, which has no bytes to count'],
    ['r1 = (u8)r2',                              'line 1, column 6: (s8), (s16) or (s32) expected'],
    ['.text\n.quad 5',                           "line 2, column 1: an instruction or a label expected, got '.quad 5'"],
    ['w1 = addr_space_cast(r2, 1, 0)',           'line 1, column 1: r1 expected, got w1'],
    ['w1 = &(void __percpu *)(r2)',              'line 1, column 1: r1 expected, got w1'],
    ['w1 = be16 w1',                             'line 1, column 1: r1 expected, got w1'],
  ])('refuses %j', (text, message) => {
    expect(() => parseAssembly(text, options)).toThrow(ObjectError);
    expect(() => parseAssembly(text, options)).toThrow(message);
  });

  it('refuses a label that goto cannot reach, and gotol takes it', () => {
    const far = (word: string) => `${word} far\n${'exit\n'.repeat(0x8000)}far: exit`;
    expect(() => parseAssembly(far('goto'))).toThrow(
      "line 1, column 6: far is 32768 instructions away, not from -32768 to 32767; 'gotol' reaches further",
    );
    expect(parseAssembly(far('gotol'))[0]).toMatchObject({ imm: 0x8000 });
  });

  it('refuses a name that is too long to be one', () => {
    expect(() => parseAssembly(`goto ${'x'.repeat(5000)}`)).toThrow(
      'line 1, column 6: a name of 5000 characters is too long',
    );
  });

  it('refuses more than a million instructions', () => {
    expect(() => parseAssembly('exit\n'.repeat(1_000_001))).toThrow('at most 1000000 instructions');
  });
});

// Instructions as an assembler writes them: fields that the operation has no use for are 0.

const reg = fc.integer({ min: 0, max: 10 });
const s16 = fc.oneof(fc.integer({ min: -32768, max: 32767 }), fc.integer({ min: -9, max: 9 }));
const s32 = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -9, max: 9 }));
const zero = fc.constant(0);

/** What of an operation varies. The slot of `next` is only that of `ld_imm64`. */
function fields(operation: Operation): Partial<Record<'dst' | 'src' | 'off' | 'imm', fc.Arbitrary<number>>>[] {
  switch (operation.kind) {
    case 'alu': {
      const { op, bits, source } = operation;
      const off = op === 'div' || op === 'mod' ? fc.constantFrom(0, 1) : zero;
      if (source === 'imm') return [{ dst: reg, imm: s32, off }];
      if (op !== 'mov') return [{ dst: reg, src: reg, off }];
      const widths = bits === 64 ? [0, 8, 16, 32] : [0, 8, 16];
      const cast = { dst: reg, src: reg, off: fc.constant(O.BPF_ADDR_SPACE_CAST), imm: s32 };
      return [{ dst: reg, src: reg, off: fc.constantFrom(...widths) }, ...(bits === 64 ? [cast] : [])];
    }
    case 'neg':
      return [{ dst: reg }];
    case 'end':
      return [{ dst: reg, imm: fc.constantFrom(16, 32, 64) }];
    case 'load':
      return [{ dst: reg, src: reg, off: s16 }];
    case 'store':
      return [operation.source === 'reg' ? { dst: reg, src: reg, off: s16 } : { dst: reg, imm: s32, off: s16 }];
    case 'atomic': {
      const rows = Object.values(ATOMICS).filter(({ op }) => operation.size >= 4 || op === 'load' || op === 'store');
      return rows.map(({ imm }) => ({ dst: reg, src: reg, off: s16, imm: fc.constant(imm) }));
    }
    case 'ld_imm64':
      return [{ dst: reg, imm: s32 }, ...[1, 2, 4, 5, 6].map((src) => ({ dst: reg, src: fc.constant(src), imm: s32 }))];
    case 'ld_abs':
      return [{ imm: s32 }];
    case 'ld_ind':
      return [{ src: reg, imm: s32 }];
    case 'jump':
      return [operation.source === 'reg' ? { dst: reg, src: reg, off: s16 } : { dst: reg, imm: s32, off: s16 }];
    case 'goto':
      return [operation.wide ? { imm: s32 } : { off: s16 }];
    case 'may_goto':
      return [{ off: s16 }];
    case 'call':
      return [
        { imm: fc.nat(2 ** 31 - 1) },
        { imm: fc.nat(250) },
        ...[1, 2].map((src) => ({ src: fc.constant(src), imm: s32 })),
      ];
    case 'exit':
      return [{}];
  }
}

const arbitraries = allOperations().map(([opcode, operation]) =>
  fc
    .oneof(
      ...fields(operation).map((f) =>
        fc.record({
          opcode: fc.constant(opcode),
          dst: f.dst ?? zero,
          src: f.src ?? zero,
          off: f.off ?? zero,
          imm: f.imm ?? zero,
        }),
      ),
    )
    .chain((insn): fc.Arbitrary<Insn[]> => {
      if (operation.kind !== 'ld_imm64') return fc.constant([insn]);
      // A map has no high half, a function neither.
      const high = [0, 2, 6].includes(insn.src) ? s32 : zero;
      return high.map((imm) => [insn, { opcode: 0, dst: 0, src: 0, off: 0, imm }]);
    }),
);
/** One instruction of each opcode. */
const program = fc.tuple(...arbitraries).map((parts) => parts.flat());

/** As `bpftool` writes what the number stands for. */
function immediate(insn: Insn, value: bigint): string | undefined {
  const low = insn.imm >>> 0;
  const name = `map[${insn.src > 4 ? 'idx' : 'id'}:${low}]`;
  if (insn.src === 1 || insn.src === 5) return name;
  if (insn.src === 2 || insn.src === 6) return `${name}[0]+${value >> 32n}`;
  return insn.src === 4 ? `subprog[${insn.imm < -1 ? '' : '+'}${insn.imm + 1}]` : undefined;
}

/** LLVM's own text of a call does not say what is called. */
function call(insn: Insn): string | undefined {
  if (insn.src === 0) return undefined;
  return insn.src === 1 ? `pc${insn.imm < 0 ? '' : '+'}${insn.imm}` : `kernel-function#${insn.imm}`;
}

function text(insns: readonly Insn[], format: (insn: Insn, next: Insn | undefined) => string): string {
  const lines: string[] = [];
  for (let at = 0; at < insns.length; ) {
    const insn = insns[at];
    if (insn === undefined) break;
    lines.push(format(insn, insns[at + 1]));
    at += insnSlots(insn);
  }
  return lines.join('\n');
}

// biome-ignore format: aligned table
const SYNTAXES: readonly (readonly [name: string, format: (insn: Insn, next: Insn | undefined) => string])[] = [
  ["the kernel's",                          (insn, next) => formatInsn(insn, next, { immediate })],
  ["the kernel's without opcodes",          (insn, next) => formatInsn(insn, next, { immediate }).replace(/^\((?!18\))..\) /, '')],
  ["LLVM's",                                (insn, next) => formatLlvm(insn, next, { call })],
  ["LLVM's with w registers and labels",    (insn, next) => formatLlvm(insn, next, { call, alu32: true, target: (_, n) => `f<${n}>` })],
];

describe('what is written is read back', () => {
  it.each(SYNTAXES)('in %s notation', (_, format) => {
    fc.assert(
      fc.property(program, (insns) => {
        expect(parseAssembly(text(insns, format))).toEqual(insns);
      }),
      { seed: 11, numRuns: 60 },
    );
  });

  it('with each helper by its name', () => {
    for (let imm = 0; imm <= 211; imm++) {
      const [insn] = parseAssembly(
        formatInsn({ opcode: 0x85, dst: 0, src: 0, off: 0, imm }, undefined).replace(/#\d+$/, ''),
      );
      expect(insn).toEqual({ opcode: 0x85, dst: 0, src: 0, off: 0, imm });
    }
  });

  it('with 64-bit numbers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        expect(parseAssembly(`r1 = ${value} ll`)).toEqual(ldImm64(1, value));
      }),
      { seed: 12, numRuns: 200 },
    );
  });
});

/** LLVM's text has every kind of `ld_imm64`, the kernel's all the rest. */
function lossless(insn: Insn, next: Insn | undefined): string {
  return insn.opcode === O.LD_IMM64 ? formatLlvm(insn, next) : formatInsn(insn, next);
}

describe('any text', () => {
  const words = [
    ...CASES.flatMap(([line]) => line.split(/\b/)),
    ...[
      '\n',
      ' ',
      '0x',
      '(18)',
      '7:',
      'label',
      'label:',
      '99999999999',
      '*',
      '(',
      ')',
      '<',
      '>:',
      '-',
      '#',
      ';',
      '\u0000',
      'é',
    ],
  ];
  const mixed = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 4 })), { maxLength: 40 });

  // Lines that are right, with a few characters changed: these reach further.
  const lines = fc.array(fc.constantFrom(...CASES.map(([line]) => line)), { minLength: 1, maxLength: 4 });
  const edits = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(2), fc.constantFrom(...words)), {
    maxLength: 3,
  });
  const edited = fc.tuple(lines, edits).map(([parts, changes]) => {
    let whole = parts.join('\n');
    for (const [where, cut, word] of changes) {
      const at = Math.floor(where * whole.length);
      whole = whole.slice(0, at) + word + whole.slice(at + cut);
    }
    return [whole];
  });

  it('is assembled or refused with a place', () => {
    let [assembled, refused] = [0, 0];
    fc.assert(
      fc.property(fc.oneof(mixed, edited), (parts) => {
        try {
          const insns = parseAssembly(parts.join(''), options);
          if (insns.length > 0) assembled++;
          expect(parseAssembly(text(insns, lossless))).toEqual(insns);
          expect(decodeInsns(encodeInsns(insns))).toEqual(insns);
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(ObjectError);
          expect(String(error)).toMatch(/line \d+, column \d+: \S/);
        }
      }),
      { seed: 13, numRuns: 3000 },
    );
    expect(assembled).toBeGreaterThan(300);
    expect(refused).toBeGreaterThan(300);
  });

  it('is read in time proportional to its length', () => {
    const long = 1 << 18;
    const texts = [
      ' ',
      ':',
      'a:',
      '>',
      '<a>:',
      '0',
      '9',
      'a',
      '((',
      '-',
      ';',
      '/',
      '95 ',
      'r1 ',
      'a: file format ',
      '.section ',
      '.section a,"',
      'x(',
      '(',
      '):',
      ' x',
    ];
    const started = cpuMs();
    for (const part of texts) {
      for (const [start, end] of ['', 'goto -1 <', '00000000 <', '1:', 'r1 = '].flatMap(
        (from) =>
          [
            [from, ''],
            [from, '):'],
          ] as const,
      )) {
        try {
          parseAssembly(start + part.repeat(long / part.length) + end);
        } catch (error) {
          expect(error).toBeInstanceOf(ObjectError);
          expect(String(error).length).toBeLessThan(10_000);
        }
      }
    }
    expect(cpuMs() - started).toBeLessThan(10_000);
  });
});
