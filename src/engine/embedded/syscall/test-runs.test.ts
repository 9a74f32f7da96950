import { describe, expect, it } from 'vitest';
import { addOne } from '../../../../test/support/count-assembly.ts';
import { SysError } from '../../../errors.ts';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import type { Kernel } from '../../../sys/kernel.ts';
import { MAX_TEST_RUNS } from '../../../sys/lab.ts';
import { mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { createEmbeddedKernel } from '../embedded.ts';

/** Counts in a map, and returns the count with the frame's last byte but three. */
const PROGRAMS = {
  xdp: 'r6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r1 + 4)',
  sched_cls: 'r6 = *(u32 *)(r1 + 76)\nr7 = *(u32 *)(r1 + 80)',
} as const;
const REST = `
  *(u32 *)(r10 - 4) = 0
  ${addOne('counts', 'r8')}
  r1 = r6
  r1 += 20
  if r1 > r7 goto out
  r9 = *(u8 *)(r6 + 17)
  *(u8 *)(r6 + 17) = 200
  r8 <<= 8
  r8 |= r9
out:
  r0 = r8
  exit`;

type Type = keyof typeof PROGRAMS;

function setUp(type: Type, jit: 'on' | 'off') {
  const { kernel, lab } = createEmbeddedKernel({ jit });
  const attr = { map_type: mapTypeNumber.array, key_size: 4, value_size: 8, max_entries: 1 };
  const counts = kernel.bpf('BPF_MAP_CREATE', attr);
  const insns = encodeInsns(parseAssembly(`${PROGRAMS[type]}\nr8 = 0\n${REST}`, { map: () => counts }));
  const program = { prog_type: progTypeNumber[type], insns, insn_cnt: insns.length / 8, license: 'GPL' };
  return { kernel, lab, fd: kernel.bpf('BPF_PROG_LOAD', program) };
}

/** What a kernel answers to each frame by itself, until it refuses one. */
function oneByOne(kernel: Kernel, prog_fd: Fd, frames: readonly Uint8Array[], repeat: number): number[] {
  const verdicts: number[] = [];
  for (const data_in of frames) {
    const attr = { prog_fd, data_in, data_size_in: data_in.length, repeat, retval: 0 };
    try {
      kernel.bpf('BPF_PROG_TEST_RUN', attr);
    } catch (error) {
      if (error instanceof SysError) return verdicts;
      throw error;
    }
    verdicts.push(attr.retval);
  }
  return verdicts;
}

const frame = (length: number, i: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at + i);
const FRAMES = [60, 64, 1500, 21, 3520, 14].map(frame);

describe.each(['xdp', 'sched_cls'] as const)('many test runs of a program of type %s', (type) => {
  it.each([
    ['compiled', 'on', 1],
    ['interpreted', 'off', 1],
    ['several times', 'on', 3],
  ] as const)('come to what one after the other do, %s', (_name, jit, repeat) => {
    const [many, each] = [setUp(type, jit), setUp(type, jit)];
    const runs = many.lab.testRuns(many.kernel, many.fd, FRAMES, repeat);
    const verdicts = [...(runs?.verdicts ?? [])];
    expect(verdicts.length).toBe(FRAMES.length);
    expect(verdicts).toEqual(oneByOne(each.kernel, each.fd, FRAMES, repeat));
    expect(runs?.durationNs).toBeGreaterThanOrEqual(0);
  });

  it('end before a frame that is not taken', () => {
    const { kernel, lab, fd } = setUp(type, 'on');
    const frames = [frame(60, 0), frame(60, 1), frame(13, 2), frame(60, 3)];
    expect(lab.testRuns(kernel, fd, frames, 1)?.verdicts.length).toBe(2);
    expect(lab.testRuns(kernel, fd, frames.slice(3), 1)?.verdicts[0]).toBe((3 << 8) | 20);
  });
});

describe('many test runs', () => {
  const { kernel, lab, fd } = setUp('xdp', 'on');

  it.each<[string, Fd, unknown, number, string]>([
    ['an fd that is none', 99 as Fd, [], 1, 'EBADF'],
    ['too many frames', fd, Array(MAX_TEST_RUNS + 1).fill(frame(60, 0)), 1, 'EINVAL'],
    ['a number of times that is none', fd, [], -1, 'EINVAL'],
    ['what is no frame', fd, ['frame'], 1, 'EFAULT'],
  ])('are refused for %s', (_name, fd, frames, repeat, code) => {
    const call = () => lab.testRuns(kernel, fd, frames as readonly Uint8Array[], repeat); // whatever a caller may give
    expect(call).toThrow(expect.objectContaining({ code }));
  });

  it('are none for a process that is not the kernel’s own', () => {
    expect(lab.testRuns(createEmbeddedKernel().kernel, fd, FRAMES, 1)).toBeUndefined();
  });
});
