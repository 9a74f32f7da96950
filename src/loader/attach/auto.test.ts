import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../engine/embedded/index.ts';
import { UsageError } from '../../errors.ts';
import { BpfProgram } from '../program.ts';
import { attachBySection, attachesBySection } from './auto.ts';

describe('sections that say where', () => {
  it.each([
    ['kprobe/do_exit', true],
    ['kretprobe/do_exit', true],
    ['fentry.s/do_exit', true],
    ['tp/sched/sched_switch', true],
    ['raw_tp.w/x', true],
    ['iter.s/task', true],
    ['uprobe.multi.s//bin/sh:main', true],
    ['xdp', false],
    ['tc', false],
    ['perf_event', false],
    ['constructor/x', false],
    ['kprobe_do_exit', false],
  ])('%s: %s', (section, want) => {
    expect(attachesBySection(section)).toBe(want);
  });

  it.each([
    ['kprobe/do exit', "'do exit'; FUNCTION or FUNCTION+OFFSET"],
    ['kprobe/do_exit+', 'FUNCTION or FUNCTION+OFFSET'],
    ['kretprobe/do_exit+8', 'has no offset'],
    ['tp/sched', 'CATEGORY/NAME'],
    ['tp/a/b/c', 'CATEGORY/NAME'],
    ['uprobe/main', 'PATH:FUNCTION[+OFFSET] or PATH:OFFSET'],
    ['uprobe//bin/sh:', 'PATH:FUNCTION[+OFFSET] or PATH:OFFSET'],
    ['uprobe//bin/sh:main+', 'PATH:FUNCTION[+OFFSET] or PATH:OFFSET'],
    ['uprobe//bin/sh:main+x', 'PATH:FUNCTION[+OFFSET] or PATH:OFFSET'],
    ['uprobe.multi//bin/sh', 'PATH:PATTERN'],
    ['uprobe.multi//bin/sh:a b', 'PATH:PATTERN'],
    ['kprobe.multi/a b', 'a pattern'],
    ['ksyscall/a-b', 'the name of a system call'],
  ])('%s is written wrongly', (section, message) => {
    using program = somewhere();
    expect(() => attachBySection(program, section)).toThrow(UsageError);
    expect(() => attachBySection(program, section)).toThrow(message);
  });

  it.each(['kprobe', 'uprobe', 'tp', 'raw_tp', 'kprobe.multi', 'tc', 'nothing/x'])('%s says nothing', (section) => {
    using program = somewhere();
    expect(attachBySection(program, section)).toBeUndefined();
  });

  it('a program that was not loaded as an iterator is none', () => {
    using program = somewhere();
    expect(() => attachBySection(program, 'iter/task')).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

/** A program of the embedded kernel; what is wrong with a section is said before it is looked at. */
function somewhere(): BpfProgram {
  const { kernel } = createEmbeddedKernel();
  const insns = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
  return new BpfProgram(kernel, kernel.bpf('BPF_PROG_LOAD', { prog_type: 3, insns, insn_cnt: 2, license: 'GPL' }));
}
