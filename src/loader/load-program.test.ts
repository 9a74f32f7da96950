import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import type { ProgramSpec } from '../object/spec.ts';
import { strace } from '../sys/strace.ts';
import { BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS } from '../uapi/bpf.ts';
import { load, openObject } from './index.ts';

const file = join(resolve(import.meta.dirname, '../..'), 'examples/shared/shared.bpf.o');
const { spec } = openObject(readFileSync(file), { file: 'shared.bpf.o' });

/** What a kernel is asked when a program whose section says `change` is loaded as sched_cls. */
function askedAsTc(change: Partial<ProgramSpec>): string {
  const lines: string[] = [];
  const kernel = strace(createEmbeddedKernel().kernel, (line) => lines.push(line));
  const programs = spec.programs.slice(0, 1).map((program) => ({ ...program, ...change }));
  load(kernel, { ...spec, programs }, { type: 'sched_cls', pinRules: 'none' }).close();
  return lines.find((line) => line.startsWith('bpf(BPF_PROG_LOAD')) ?? '';
}

describe('a type that the caller gives', () => {
  it('leaves out what the section says of another type', () => {
    const asked = askedAsTc({ type: 'syscall', flags: BPF_F_SLEEPABLE, attachType: 'xdp' });
    expect(asked).toContain('prog_type=BPF_PROG_TYPE_SCHED_CLS');
    expect(asked).not.toMatch(/prog_flags|BPF_XDP/);
  });

  it('keeps what it says of this one', () => {
    const asked = askedAsTc({ type: 'sched_cls', flags: BPF_F_XDP_HAS_FRAGS, attachType: 'tcx_ingress' });
    expect(asked).toMatch(/prog_flags=.*BPF_TCX_INGRESS/);
  });
});
