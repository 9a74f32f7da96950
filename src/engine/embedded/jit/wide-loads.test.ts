import { describe, expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { Functions, type Op } from './graph.ts';
import { withWideLoads } from './wide-loads.ts';

/** Loads of several bytes that stand for others, as `size at offset`; `be`: with their bytes turned round. */
function wideLoadsOf(text: string): readonly string[] {
  const insns = encodeInsns(parseAssembly(`${text}\nexit`, { map: () => 0 as Fd })); // there are none
  const before = new Functions(insns).graph(0);
  const after = withWideLoads(before);
  const ops: readonly Op[] = after.blocks.flatMap(({ ops }) => ops);
  return ops.flatMap(({ operation, dst, off }, i) => {
    if (operation.kind !== 'load' || dst < before.registers) return [];
    const last = ops.findIndex(({ src, operation }, n) => n > i && src === dst && operation.kind === 'alu');
    return [`${operation.size} at ${off}${ops[last + 1]?.operation.kind === 'end' ? ' be' : ''}`];
  });
}

/** A byte into a register, shifted to the left. */
const byte = (reg: number, off: number, shift: number): string =>
  `r${reg} = *(u8 *)(r2 + ${off})\nr${reg} <<= ${shift}`;
const chain = (shifts: readonly number[], before: readonly string[] = []): string =>
  shifts
    .map((shift, i) => `${before[i] ?? ''}\n${byte(i === 0 ? 0 : 5, 20 + i, shift)}${i === 0 ? '' : '\nr0 |= r5'}`)
    .join('\n');

describe('bytes that are put together', () => {
  it.each([
    ['are a load', chain([0, 8, 16, 24]), ['4 at 20']],
    ['are one of eight', chain([0, 8, 16, 24, 32, 40, 48, 56]), ['8 at 20']],
    ['have their order turned round', chain([24, 16, 8, 0]), ['4 at 20 be']],
    ['are two loads, if they are five or six', chain([0, 8, 16, 24, 32, 40]), ['4 at 20']],
    ['may be shifted', chain([16, 24]), ['2 at 20']],
    [
      'are halves of a number',
      `${byte(0, 8, 0)}\n${byte(3, 9, 8)}\nr3 |= r0\n${byte(4, 10, 16)}\n${byte(0, 11, 24)}\nr0 |= r4\nr0 |= r3`,
      ['4 at 8'],
    ],
    [
      'may be read where the address is lost',
      'r0 = *(u8 *)(r2 + 4)\nr2 = *(u8 *)(r2 + 5)\nr2 <<= 8\nr0 |= r2',
      ['2 at 4'],
    ],
    [
      'may be read by a copy of the address',
      'r0 = *(u8 *)(r2 + 4)\nr3 = r2\nr4 = *(u8 *)(r3 + 5)\nr4 <<= 8\nr0 |= r4',
      ['2 at 4'],
    ],
    ['stay two in the other order', chain([8, 0]), []],
    ['stay what they are with a gap', `${byte(0, 4, 0)}\n${byte(5, 6, 8)}\nr0 |= r5`, []],
    ['stay what they are if one is shifted otherwise', `${byte(0, 4, 0)}\n${byte(5, 5, 7)}\nr0 |= r5`, []],
    ['stay what they are if 32 bits have not all', `${byte(0, 4, 20)}\nr5 = *(u8 *)(r2 + 5)\nw5 <<= 28\nr0 |= r5`, []],
    [
      'stay what they are of another address',
      'r0 = *(u8 *)(r2 + 4)\nr2 += 0\nr4 = *(u8 *)(r2 + 5)\nr4 <<= 8\nr0 |= r4',
      [],
    ],
    ['stay what they are with a store between', chain([0, 8], ['', '*(u8 *)(r10 - 1) = r0']), []],
    [
      'stay what they are with a call between',
      'r6 = *(u8 *)(r7 + 20)\ncall bpf_ktime_get_ns\nr5 = *(u8 *)(r7 + 21)\nr5 <<= 8\nr6 |= r5',
      [],
    ],
  ])('%s', (_name, text, want) => {
    expect(wideLoadsOf(text)).toEqual(want);
  });
});
