import { describe, expect, it } from 'vitest';
import { encodeInsns, type Insn, parseAssembly } from '../../../isa/index.ts';
import { progTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { createEmbeddedKernel } from '../embedded.ts';
import { analyse } from './analysis.ts';
import { compileProgram } from './compile.ts';
import type { Op } from './graph.ts';
import { Functions } from './graph.ts';
import { rotatesOf } from './rotates.ts';
import { wasm } from './webassembly.ts';

function insnsOf(text: string): readonly Insn[] {
  return parseAssembly(text, { map: () => 0 as Fd }); // there are none
}

const compile = (text: string) =>
  compileProgram({
    runnable: encodeInsns(insnsOf(text)),
    type: 'xdp',
    exceptionCallback: undefined,
    probed: undefined,
    inArena: undefined,
    registers: 65536,
    maps: [],
    random: 0,
    mapAt: () => undefined,
    replacements: new Map(),
    isTarget: false,
    isLoop: false,
    shared: false,
  });

/** The switches that a function has been found to have: the least number, and how many follow. */
function tablesOf(text: string): readonly (readonly number[])[] {
  const { graph } = analyse(new Functions(encodeInsns(insnsOf(text))).graph(0), 'verdict', 'xdp', {
    constantAt: () => undefined,
    mapAt: () => undefined,
  });
  return graph.blocks.flatMap(({ end }) => (end.kind === 'switch' ? [[end.low, end.targets.length]] : []));
}

describe('a compiled program', () => {
  it('has the same bytes each time', () => {
    const text = 'r2 = *(u32 *)(r1 + 0)\nr0 = 2\nif r2 == 0 goto end\nr0 = 1\nend:\nexit';
    expect(compile(text).bytes).toEqual(compile(text).bytes);
  });

  it.each([
    ['the halves of a copy', 'r2 = r1\nr1 <<= 13\nr2 >>= 51\nr2 |= r1', 13],
    ['by xor, the other way round', 'r2 = r1\nr2 >>= 4\nr1 <<= 60\nr1 ^= r2', 60],
    ['shifts that do not make up 64', 'r2 = r1\nr1 <<= 13\nr2 >>= 50\nr2 |= r1', undefined],
    ['two numbers', 'r1 <<= 13\nr2 >>= 51\nr2 |= r1', undefined],
    ['a number that changed between', 'r2 = r1\nr1 += 1\nr1 <<= 13\nr2 >>= 51\nr2 |= r1', undefined],
    ['a half that was changed', 'r2 = r1\nr1 <<= 13\nr2 >>= 51\nr2 += 1\nr2 |= r1', undefined],
  ] as const)('turns round %s', (_name, text, by) => {
    const functions = new Functions(encodeInsns(insnsOf(`${text}\nr0 = 0\nexit`)));
    const ops: readonly Op[] = functions.graph(0).blocks[0]?.ops ?? [];
    expect([...rotatesOf(ops).values()].map((rotate) => rotate.by)).toEqual(by === undefined ? [] : [by]);
  });

  const EQUALITIES = 'if r2 == 3 goto b\nif r2 == 4 goto a\nif r2 == 5 goto b\nif r2 == 6 goto c';
  const TREE =
    'if w2 s> 4 goto high\nif w2 == 3 goto a\nif w2 == 4 goto b\ngoto end\nhigh:\nif w2 == 5 goto c\nif w2 == 6 goto a';
  it.each([
    ['equalities of a word', 'r2 = *(u32 *)(r1 + 0)', EQUALITIES, 3, 4],
    ['a tree, with signs', 'r2 = *(u32 *)(r1 + 0)', TREE, 3, 4],
    [
      'all that a number of two bits can be',
      'r2 = *(u32 *)(r1 + 0)\nr2 &= 3',
      EQUALITIES.replaceAll('4', '2').replaceAll('5', '1').replaceAll('6', '0'),
      0,
      3,
    ],
    ['three comparisons', 'r2 = *(u32 *)(r1 + 0)', EQUALITIES.slice(EQUALITIES.indexOf('\n') + 1), undefined, 0],
    ['numbers far from each other', 'r2 = *(u32 *)(r1 + 0)', EQUALITIES.replace('6', '600'), undefined, 0],
    ['numbers of 64 bits', 'r2 = *(u32 *)(r1 + 0)\nr2 <<= 8', EQUALITIES, undefined, 0],
    ['two registers', 'r2 = *(u32 *)(r1 + 0)\nr3 = r2', EQUALITIES.replace('r2 == 5', 'r3 == 5'), undefined, 0],
    [
      'a register that changes between',
      'r2 = *(u32 *)(r1 + 0)',
      EQUALITIES.replace('if r2 == 5', 'r2 += 1\nif r2 == 5'),
      undefined,
      0,
    ],
  ] as const)('makes a table of %s', (_name, before, compares, low, size) => {
    const text = `${before}\n${compares}\ngoto end\na:\nr0 = 1\nexit\nb:\nr0 = 2\nexit\nc:\nr0 = 3\nexit\nend:\nr0 = 4\nexit`;
    expect(tablesOf(text)).toEqual(low === undefined ? [] : [[low, size]]);
  });

  it.each([
    [30, 1],
    [300, 0],
  ])(
    'behind %i comparisons with numbers far from each other finds %i tables: the search is not without end',
    (count, tables) => {
      const far = Array.from({ length: count }, (_, i) => `if r2 == ${i * 1000} goto a`).join('\n');
      const text = `r2 = *(u32 *)(r1 + 0)\n${far}\nr2 = *(u32 *)(r1 + 4)\n${EQUALITIES}\na:\nr0 = 1\nexit\nb:\nr0 = 2\nexit\nc:\nr0 = 3\nexit`;
      expect(tablesOf(text).length).toBe(tables);
    },
  );

  it('is not nested without end', () => {
    const branches = Array.from({ length: 20_000 }, (_, i) => `if r2 == ${i} goto end`).join('\n');
    const { bytes } = compile(`r2 = *(u32 *)(r1 + 0)\nr0 = 2\n${branches}\nr0 = 1\nend:\nexit`);
    expect(new wasm.Module(bytes)).toBeDefined();
  });
});

describe('a runner of an XDP program', () => {
  const PROGRAM = 'r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr0 = r3\nr0 -= r2\nexit';
  const open = () => {
    const embedded = createEmbeddedKernel();
    const insns = encodeInsns(insnsOf(PROGRAM));
    const attr = { insns, insn_cnt: insns.length / 8, license: 'GPL' };
    const load = (type: 'xdp' | 'socket_filter') =>
      embedded.kernel.bpf('BPF_PROG_LOAD', {
        prog_type: progTypeNumber[type],
        ...(type === 'xdp' ? attr : { ...attr, insns: encodeInsns(insnsOf('r0 = 0\nexit')), insn_cnt: 2 }),
      });
    return { ...embedded, load };
  };

  it('gives the verdict of each frame', () => {
    const { kernel, lab, load } = open();
    using runner = lab.xdp(kernel, load('xdp'));
    const frame = Uint8Array.from({ length: 100 }, (_, i) => i);
    expect([14, 60, 100].map((length) => runner.run(frame.subarray(0, length)))).toEqual([14, 60, 100]);
    expect(runner.frame).toEqual(frame);
    expect(() => runner.run(frame.subarray(0, 13))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => runner.run(new Uint8Array(4000))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('is for XDP programs of this kernel, until it is disposed of', () => {
    const { kernel, lab, load } = open();
    expect(() => lab.xdp(kernel, load('socket_filter'))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => lab.xdp(kernel, 99 as Fd)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => lab.xdp(createEmbeddedKernel().kernel, load('xdp'))).toThrow(
      expect.objectContaining({ code: 'ESRCH' }),
    );
    const runner = lab.xdp(kernel, load('xdp'));
    runner[Symbol.dispose]();
    runner[Symbol.dispose]();
    expect(() => runner.run(new Uint8Array(64))).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
});
