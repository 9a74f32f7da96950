import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ObjectError } from '../../errors.ts';
import { usdtArguments } from './usdt-args.ts';

const X86 = 62;
const ARM = 183;
const long = { arg_signed: false, arg_bitshift: 0 };
const int = { arg_signed: true, arg_bitshift: 32 };

describe('where arguments of USDT probes are', () => {
  it.each([
    [X86, '', []],
    [X86, '   ', []],
    [X86, '4@$71', [{ arg_signed: false, arg_bitshift: 32, arg_type: 0, val_off: 71n }]],
    [X86, '-8@$-9', [{ arg_signed: true, arg_bitshift: 0, arg_type: 0, val_off: 2n ** 64n - 9n }]],
    [X86, '8@%rax', [{ ...long, arg_type: 1, reg_off: 80 }]],
    [X86, '-4@%eax', [{ ...int, arg_type: 1, reg_off: 80 }]],
    [
      X86,
      '-2@%ax -1@%al',
      [
        { arg_signed: true, arg_bitshift: 48, arg_type: 1, reg_off: 80 },
        { arg_signed: true, arg_bitshift: 56, arg_type: 1, reg_off: 80 },
      ],
    ],
    [
      X86,
      '8@%r15 8@%r10d 8@%rsi 8@%sil 8@%rsp 8@%rip',
      [0, 56, 104, 104, 152, 128].map((reg_off) => ({ ...long, arg_type: 1, reg_off })),
    ],
    [X86, '-4@-20(%rbp)', [{ ...int, arg_type: 2, reg_off: 32, val_off: 2n ** 64n - 20n }]],
    [
      X86,
      ' 8 @ ( %rsp )  8@%rdi ',
      [
        { ...long, arg_type: 2, reg_off: 152, val_off: 0n },
        { ...long, arg_type: 1, reg_off: 112 },
      ],
    ],
    [
      X86,
      '1@-96(%rbp,%rax,8)',
      [
        {
          arg_signed: false,
          arg_bitshift: 56,
          arg_type: 3,
          reg_off: 32,
          idx_reg_off: 80,
          scale_bitshift: 3,
          val_off: 2n ** 64n - 96n,
        },
      ],
    ],
    [X86, '8@(%rbp,%rax)', [{ ...long, arg_type: 3, reg_off: 32, idx_reg_off: 80, scale_bitshift: 0, val_off: 0n }]],
    [ARM, '4@5', [{ arg_signed: false, arg_bitshift: 32, arg_type: 0, val_off: 5n }]],
    [
      ARM,
      '-4@w3 8@x30 8@sp',
      [{ ...int, arg_type: 1, reg_off: 24 }, ...[240, 248].map((reg_off) => ({ ...long, arg_type: 1, reg_off }))],
    ],
    [
      ARM,
      '-4@[sp, 96] 8@[x19]',
      [
        { ...int, arg_type: 2, reg_off: 248, val_off: 96n },
        { ...long, arg_type: 2, reg_off: 152, val_off: 0n },
      ],
    ],
  ])('of machine %i: %j', (machine, text, want) => {
    expect(usdtArguments(machine, text)).toEqual(want);
  });

  it.each([
    [X86, '8f@%xmm0', 'argument 0'],
    [X86, '4@%eax 4@name(%rip)', "argument 1 of the probe cannot be read: '4@name(%rip)'"],
    [X86, '3@%eax', 'argument 0'],
    [X86, '0@%eax', 'argument 0'],
    [X86, '4@%xmm0', 'argument 0'],
    [X86, '4@(%rbp,%rax,3)', 'argument 0'],
    [X86, '4@(%rbp,%none)', 'argument 0'],
    [X86, '4@%eax4@%ebx', 'argument 0'],
    [X86, '4@', 'argument 0'],
    [ARM, '4@x31', 'argument 0'],
    [ARM, '4@[sp, 96', 'argument 0'],
    [X86, '1@$1 '.repeat(13), 'more than 12 arguments'],
    [40, '4@r0', 'machine 40'],
  ])('not of machine %i: %j', (machine, text, message) => {
    expect(() => usdtArguments(machine, text)).toThrow(ObjectError);
    expect(() => usdtArguments(machine, text)).toThrow(message);
  });

  it('any text is read, or refused by an ObjectError', () => {
    const piece = fc.constantFrom(
      '4',
      '-8',
      '@',
      '$',
      '%',
      'rax',
      '(',
      ')',
      ',',
      ' ',
      '[',
      ']',
      'sp',
      'x1',
      '99999999999999999999',
    );
    fc.assert(
      fc.property(fc.constantFrom(X86, ARM), fc.array(piece, { maxLength: 30 }), (machine, pieces) => {
        try {
          expect(usdtArguments(machine, pieces.join('')).length).toBeLessThanOrEqual(12);
        } catch (error) {
          expect(error).toBeInstanceOf(ObjectError);
        }
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  it('takes no longer for a long text', () => {
    const text = `4@${' '.repeat(4000)}`;
    expect(() => usdtArguments(X86, text)).toThrow(ObjectError);
  });
});
