import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { load, openObject, VerifierError } from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';

const kernel = createLinuxKernel();

describe('CO-RE against the running kernel', () => {
  const bytes = objectBytes('test/objects/core_live.o');

  it('loads, with the poisoned branch never reached', () => {
    using loaded = load(kernel, openObject(bytes, { file: 'core_live.o' }));
    loaded.program('live').run();
    expect(loaded.globals.tgid).toBe(process.pid);
    expect(loaded.globals.stack).toBeGreaterThan(0n);
  });

  it('gives the instructions that libbpf gives', (context) => {
    const { error } = spawnSync('bpftool', ['version']);
    if (error !== undefined) context.skip('bpftool is not installed');
    const made = spawnSync('bpftool', ['prog', 'load', 'test/objects/core_live.o', '/sys/fs/bpf/live'], {
      encoding: 'utf8',
    });
    expect(made.stderr).toBe('');
    const shown = spawnSync('bpftool', ['-j', 'prog', 'show', 'pinned', '/sys/fs/bpf/live'], { encoding: 'utf8' });
    using loaded = load(kernel, openObject(bytes, { file: 'core_live.o' }));
    expect(loaded.program('live').info.tag).toBe(JSON.parse(shown.stdout).tag);
  });

  it('names what the kernel does not have when a program gets there', () => {
    const core = openObject(objectBytes('test/objects/core.o'), { file: 'core.o' });
    const programs = core.spec.programs.filter((program) => program.name === 'poisoned');
    expect(() => load(kernel, core, { programs, type: 'socket_filter' })).toThrow(VerifierError);
    expect(() => load(kernel, core, { programs, type: 'socket_filter' })).toThrow(
      /reaches .*invalid CO-RE relocation: this kernel has no field_byte_offset of struct gone\.x/,
    );
  });
});
