import { describe, expect, it } from 'vitest';
import { runProgram } from '../program.ts';

async function skep(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const printed: Record<'out' | 'err', string[]> = { out: [], err: [] };
  const output = {
    out: (text: string) => void printed.out.push(text),
    err: (text: string) => void printed.err.push(text),
  };
  const status = await runProgram(['--kernel', 'inprocess', ...words], {}, output);
  return { status, out: printed.out.join(''), err: printed.err.join('') };
}

describe('skep explain', () => {
  it.each([
    [
      'a program that is refused',
      ['test/objects/unsafe.o'],
      4,
      /^unsafe: refused\n\nSKEP-V001: [\s\S]*unsafe\.c:15, instruction 7/,
    ],
    [
      'a program that loads',
      ['examples/cgroup/cg.bpf.o'],
      0,
      /^cg_count: loads; the verifier followed \d+ instructions\n$/,
    ],
    ['a code', ['skep-v008'], 0, /^# SKEP-V008: /],
    ['a log', ['--log', 'test/explain/logs/7.3.log'], 0, /^SKEP-V001: [\s\S]*SKEP-V002: /],
    ['JSON', ['-j', 'test/objects/unsafe.o'], 4, /"loads":false,"explanation":\{"program":"unsafe","code":"SKEP-V001"/],
  ])('%s', async (_, words, status, text) => {
    const found = await skep('explain', ...words);
    expect(found).toMatchObject({ status, err: '' });
    expect(found.out).toMatch(text);
  });

  it.each([
    ['a code that there is not', ['SKEP-V999'], 'there is no code SKEP-V999'],
    ['a program that there is not', ['test/objects/unsafe.o', 'safe'], 'has no program safe; it has unsafe'],
    ['nothing', [], 'is missing at the end of the command'],
  ])('%s', async (_, words, want) => {
    const { status, err } = await skep('explain', ...words);
    expect([status, err]).toEqual([2, expect.stringContaining(want)]);
  });
});
