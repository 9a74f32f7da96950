import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainLog, explainLogs } from './explain.ts';
import { parseLogs } from './log.ts';
import { formatExplanation } from './text.ts';

const CLASSIC = `0: R1=ctx() R10=fp0
; int f(struct __sk_buff *skb) @ a.c:3
0: (b4) w1 = 0                        ; R1_w=0
1: (63) *(u32 *)(r10 -4) = r1         ; R1_w=0 R10=fp0 fp-8=0000????
2: (bf) r2 = r10                      ; R2_w=fp0 R10=fp0
3: (07) r2 += -4                      ; R2_w=fp-4
4: (18) r1 = 0xffff8880049c5000       ; R1_w=map_ptr(map=hits,ks=4,vs=4)
6: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=hits,ks=4,vs=4)
; return *value; @ a.c:7
7: (61) r0 = *(u32 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

const code = (text: string) => explainLogs(text).map((explanation) => explanation.code);

describe('a log with other things around it', () => {
  const want = { code: 'SKEP-V001', words: "R0 invalid mem access 'map_value_or_null'" };
  const lines = CLASSIC.trimEnd().split('\n');
  const around = (prefix: string) => lines.map((line) => `${prefix}${line}\n`).join('');
  it.each([
    ['as the kernel gives it', CLASSIC],
    ['with carriage returns', CLASSIC.replaceAll('\n', '\r\n')],
    ['without a newline at its end', CLASSIC.trimEnd()],
    ['in the kernel ring buffer', around('[   12.345678] ')],
    ['in the journal', around('Nov 28 10:00:00 host kernel: ')],
    ['in a journal with ISO times', around('2026-11-28T10:00:00+00:00 host kernel: [ 1.2] ')],
    [
      'printed by libbpf',
      `libbpf: prog 'f': BPF program load failed: Permission denied\nlibbpf: prog 'f': -- BEGIN PROG LOAD LOG --\n${CLASSIC}-- END PROG LOAD LOG --\nlibbpf: prog 'f': failed to load: -13\nlibbpf: failed to load object 'a.o'\n`,
    ],
    ['followed by what a loader says', `${CLASSIC}Error: failed to load object file\n`],
    ['without its beginning', lines.slice(5).join('\n')],
    ['without its figures', lines.slice(0, -1).join('\n')],
  ])('%s', (_, text) => {
    expect(explainLog(text)).toMatchObject({
      ...want,
      where: { insn: 7, file: 'a.c', line: 7, source: 'return *value;' },
    });
    expect(explainLog(text).lost.map(({ insn }) => insn)).toEqual([6]);
  });
});

it('reads the logs of several programs', () => {
  const other =
    '0: R1=ctx() R10=fp0\n0: (95) exit\nR0 !read_ok\nprocessed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n';
  const framed = (name: string, log: string) =>
    `libbpf: prog '${name}': -- BEGIN PROG LOAD LOG --\n${log}-- END PROG LOAD LOG --\n`;
  expect(explainLogs(framed('a', CLASSIC) + framed('b', other)).map(({ program }) => program)).toEqual(['a', 'b']);
  expect(explainLogs(CLASSIC + other)).toHaveLength(2);
});

it('says nothing of a program that was accepted', () => {
  const log =
    '0: R1=ctx() R10=fp0\n0: (b7) r0 = 0\n1: (95) exit\nprocessed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n';
  expect(code(log)).toEqual([]);
});

it('leaves out of a log of level 2 what was found safe', () => {
  const log = `0: R1=ctx() R10=fp0
0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2_w=scalar(umax=4294967295)
1: (15) if r2 == 0x0 goto pc+2        ; R2_w=scalar(umin=1,umax=4294967295)
2: (b7) r0 = 0                        ; R0_w=0
3: (95) exit

from 1 to 4: R1=ctx() R2_w=0 R10=fp0
4: (79) r0 = *(u64 *)(r2 +0)
R2 invalid mem access 'scalar'
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;
  const { lost, missing } = explainLog(log);
  expect(lost.map(({ insn }) => insn)).toEqual([0, 1]);
  expect(lost[1]?.says).toBe('r2 == 0x0 is true on this path, where r2 is the number 0');
  expect(missing).toBe('this path is the one on which r2 is NULL');
});

it('takes the sentence, not the diagnostics that Linux 7.3 adds', () => {
  const log = CLASSIC.replace(
    'processed',
    `
Verification failed: Register Type Safety: Invalid dereference

Reason:
  R0 may be NULL here (a nullable map value pointer).

At:
  f @ a.c:7:9
  Instruction context:
  >>> 7 | (61) r0 = *(u32 *)(r0 +0)

Suggestion:
  Add a NULL check before the access and dereference the pointer only on the non-NULL path.

processed`,
  );
  expect(explainLog(log)).toMatchObject({ code: 'SKEP-V001', where: { insn: 7 } });
});

describe('whatever a log holds', () => {
  const line = fc.oneof(
    fc.constantFrom(...CLASSIC.split('\n')),
    fc.string({ maxLength: 60 }),
    fc.tuple(fc.nat(9), fc.nat(9)).map(([from, to]) => `from ${from} to ${to}: R1=ctx() R10=fp0`),
    fc
      .tuple(fc.nat(9), fc.constantFrom('05', '15', '85', '95', '18', 'zz'), fc.string({ maxLength: 30 }))
      .map(([at, op, text]) => `${at}: (${op}) ${text}`),
    fc
      .constantFrom('call pc+3', 'exit', 'if r1 > r2 goto pc-1', 'r1 = r1', 'r0 = *(u64 *)(r10 -8)')
      .map((text) => `3: (00) ${text}`),
  );

  it('an explanation comes of it, and no exception', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), fc.boolean(), (lines, cut) => {
        const text = lines.join('\n');
        for (const explanation of explainLogs(cut ? text.slice(text.length / 3) : text)) {
          expect(formatExplanation(explanation)).not.toContain('undefined');
        }
        expect(typeof explainLog(text).what).toBe('string');
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it.each([
    ['a long line', `0: (b7) r0 = 0 ; R0=${'('.repeat(1 << 20)}`],
    ['many brackets', `0: R1=${'scalar(('.repeat(100_000)}\n0: (95) exit\nR0 !read_ok`],
    [
      'many steps',
      `${'1: (07) r1 += 1\n2: (a5) if r1 < r2 goto pc-2\n'.repeat(200_000)}3: (61) r0 = *(u32 *)(r1 +0)\nR1 invalid mem access 'scalar'`,
    ],
    ['many paths that branch off nowhere', 'from 7 to 9: R1=ctx()\n9: (95) exit\n'.repeat(100_000)],
  ])('%s takes little time', (_, text) => {
    const start = process.cpuUsage();
    formatExplanation(explainLog(text));
    parseLogs(text);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
  });
});
