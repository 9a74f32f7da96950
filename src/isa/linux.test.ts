import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createLinuxKernel, type LinuxKernel, probeLinux } from '../engine/linux/index.ts';
import { SysError } from '../errors.ts';
import { progTypeNumber } from '../uapi/bpf.ts';
import { programProblem } from './check.ts';
import { formatInsn } from './format.ts';
import { decodeInsns, encodeInsns, type Insn } from './insn.ts';
import { allOperations } from './table.ts';

// The running kernel's verifier writes every instruction that it looks at into its log, and why it stops.
const probe = probeLinux();
if (!probe.ok) console.log(`skipped on linux: ${probe.reason}`);

/** Words of the log that are about an instruction's form, not about what the program does. */
const STRUCTURAL =
  /^(\w+ uses reserved fields|BPF_\S+ uses .*|unknown opcode .*|(invalid|unrecognized) bpf_ld_imm64 insn|R1[1-5] is invalid|frame pointer is read only|invalid shift .*|div by zero|invalid atomic operand size|jump out of range .*|last insn is not an exit or jmp|call to invalid destination|invalid may_goto imm .*|addr_space_cast insn can only convert .*)$/m;

const insn: fc.Arbitrary<Insn> = fc.record({
  opcode: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...allOperations().map(([opcode]) => opcode)) },
    { weight: 1, arbitrary: fc.nat(255) },
  ),
  dst: fc.constantFrom(0, 0, 1, 2, 3, 10, 11),
  src: fc.constantFrom(0, 0, 1, 3, 4, 7, 10, 11),
  off: fc.constantFrom(0, 0, 0, 1, 2, 8, 16, 32, -1, -8),
  imm: fc.constantFrom(0, 0, 1, 2, 5, 16, 32, 64, -1, 0x41, 0x50, 0xa1, 0xe1, 0xf1, 0x100, 0x110, 0x10000, -(2 ** 31)),
});

/** A program around the instruction in which all its registers can be read. */
function around(middle: Insn): Insn[] {
  const start = [{ opcode: 0xbf, dst: 6, src: 1 }, ...[0, 1, 2, 3, 4].map((dst) => ({ opcode: 0xb7, dst, imm: 1 }))];
  const second = middle.opcode === 0x18 ? [{ opcode: 0 }] : [];
  return decodeInsns(encodeInsns([...start, middle, ...second, { opcode: 0xb7 }, { opcode: 0xb7 }, { opcode: 0x95 }]));
}

describe.skipIf(!probe.ok)('on Linux', () => {
  let kernel: LinuxKernel;
  beforeAll(() => {
    kernel = createLinuxKernel();
  });

  function load(program: readonly Insn[]): { readonly loads: boolean; readonly log: string } {
    const log = new Uint8Array(1 << 16);
    const text = () => new TextDecoder().decode(log.subarray(0, log.indexOf(0)));
    try {
      const fd = kernel.bpf('BPF_PROG_LOAD', {
        prog_type: progTypeNumber.sched_cls,
        insn_cnt: program.length,
        insns: encodeInsns(program),
        license: 'GPL',
        log_level: 2,
        log_size: log.length,
        log_buf: log,
      });
      kernel.close(fd);
      return { loads: true, log: text() };
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      return { loads: false, log: text() };
    }
  }

  it('formatInsn writes what the verifier writes', () => {
    let compared = 0;
    fc.assert(
      fc.property(insn, (middle) => {
        // The kernel prints a may_goto with a source register, which it refuses, as a conditional jump without a condition.
        fc.pre(middle.opcode !== 0xe5 || middle.src === 0);
        const program = around(middle);
        for (const [, at, text] of load(program).log.matchAll(/^(\d+): (\([0-9a-f]{2}\) .*?|BUG\w+)(?:\s+;.*)?$/gm)) {
          const [shown, next] = program.slice(Number(at));
          expect(shown && formatInsn(shown, next)).toBe(text);
          compared++;
        }
      }),
      { seed: 5, numRuns: 600 },
    );
    expect(compared).toBeGreaterThan(1000);
  });

  it('programProblem says what the verifier says', () => {
    let refused = 0;
    fc.assert(
      fc.property(insn, (middle) => {
        const program = around(middle);
        const { loads, log } = load(program);
        const said = STRUCTURAL.exec(log)?.[0];
        const problem = programProblem(program)?.problem;
        if (problem !== undefined) {
          refused++;
          expect(loads).toBe(false);
          // Where the kernel gives another reason first (a map that is no map, code that is not reached), that is no contradiction.
          if (said !== undefined) expect(problem).toBe(said);
        } else {
          expect(said).toBeUndefined();
        }
      }),
      { seed: 6, numRuns: 600 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
