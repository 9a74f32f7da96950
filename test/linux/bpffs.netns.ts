import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { O_NONBLOCK, O_RDONLY, S_IFDIR, S_IFMT, S_IFREG, TRACEFS_MAGIC } from '../../src/sys/kernel.ts';
import { BPF_F_RDONLY, BPF_FS_MAGIC, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { tracing } from '../support/programs.ts';

const kernel = createLinuxKernel();
afterAll(() => kernel[Symbol.dispose]());

const root = '/sys/fs/bpf';
const code = (name: string) => expect.objectContaining({ name: 'SysError', code: name });

function makeMap(): Fd {
  return kernel.bpf('BPF_MAP_CREATE', { map_type: 1, key_size: 4, value_size: 4, max_entries: 4 });
}

describe('bpffs', () => {
  it('keeps a map without an fd', () => {
    const [key, value, found] = [Uint8Array.of(1, 0, 0, 0), Uint8Array.of(5, 6, 7, 8), new Uint8Array(4)];
    const made = makeMap();
    kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: made, key, value });
    kernel.mkdir(`${root}/a`, 0o700);
    kernel.bpf('BPF_OBJ_PIN', { pathname: `${root}/a/m`, bpf_fd: made });
    kernel.close(made);

    const got = kernel.bpf('BPF_OBJ_GET', { pathname: `${root}/a/m` });
    kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: got, key, value: found });
    expect(found).toEqual(value);
    kernel.close(got);

    const readOnly = kernel.bpf('BPF_OBJ_GET', { pathname: `${root}/a/m`, file_flags: BPF_F_RDONLY });
    expect(() => kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: readOnly, key, value })).toThrow(code('EPERM'));
    kernel.close(readOnly);
  });

  it('has directories, links and names', () => {
    expect(kernel.fsType(root)).toBe(BPF_FS_MAGIC);
    expect(kernel.stat(`${root}/a`)).toMatchObject({ nlink: 2, uid: 0 });
    expect(kernel.stat(`${root}/a`).mode & S_IFMT).toBe(S_IFDIR);
    expect(kernel.lstat(`${root}/a/m`).mode & S_IFMT).toBe(S_IFREG);
    kernel.rename(`${root}/a/m`, `${root}/a/n`);
    kernel.symlink(`${root}/a/`, `${root}/z`);
    expect(kernel.readdir(`${root}/z`)).toEqual(['n']);
    expect(kernel.readlink(`${root}/z`)).toBe(`${root}/a/`);
    kernel.unlink(`${root}/z`);
    kernel.unlink(`${root}/a/n`);
    kernel.rmdir(`${root}/a`);
    expect(kernel.readdir(root)).not.toContain('a');
  });

  it.each<[string, () => void, string]>([
    ['a pin that is not there', () => kernel.bpf('BPF_OBJ_GET', { pathname: `${root}/nope` }), 'ENOENT'],
    ['a path with a NUL', () => kernel.bpf('BPF_OBJ_GET', { pathname: `${root}/a\0b` }), 'EINVAL'],
    [
      'a path without an end',
      () => kernel.bpf('BPF_OBJ_GET', { pathname: `${root}/${'x'.repeat(5000)}` }),
      'ENAMETOOLONG',
    ],
    ['a name with a dot', () => kernel.mkdir(`${root}/a.b`, 0o700), 'EPERM'],
    ['a directory that is not there', () => kernel.readdir(`${root}/nope`), 'ENOENT'],
    ['a NUL in a directory', () => kernel.mkdir(`${root}/a\0b`, 0o700), 'EINVAL'],
    ['a stat of nothing', () => kernel.stat(`${root}/nope`), 'ENOENT'],
    ['an open of nothing', () => void kernel.open(`${root}/nope`, O_RDONLY), 'ENOENT'],
    ['a mount of an unknown kind', () => kernel.mount('x', root, 'nofs', 0, ''), 'ENODEV'],
  ])('refuses %s', (_name, call, want) => {
    expect(call).toThrow(code(want));
  });

  it('is mounted more than once', () => {
    kernel.mkdir(`${root}/inner`, 0o700);
    kernel.mount('bpf', `${root}/inner`, 'bpf', 0, 'mode=0750');
    expect(kernel.stat(`${root}/inner`).mode & 0o777).toBe(0o750);
    expect(kernel.stat(`${root}/inner`).dev).not.toBe(kernel.stat(root).dev);
  });
});

describe('the trace log', () => {
  const pipe = '/sys/kernel/tracing/trace_pipe';

  it('can be waited for and read', async () => {
    expect(kernel.fsType(pipe)).toBe(TRACEFS_MAGIC);
    const log = kernel.open(pipe, O_RDONLY | O_NONBLOCK);
    const insns = tracing(0);
    const program = kernel.bpf('BPF_PROG_LOAD', {
      prog_type: progTypeNumber.sched_cls,
      insns,
      insn_cnt: insns.length / 8,
      license: 'GPL',
    });
    const buffer = new Uint8Array(4096);
    let text = '';
    // The log is the machine's: another reader may be faster, so say it again until it is ours.
    for (let tries = 0; tries < 20 && !text.includes('hi 7'); tries++) {
      const ready = kernel.wait([log], { timeoutMs: 5000 });
      kernel.bpf('BPF_PROG_TEST_RUN', { prog_fd: program, data_in: new Uint8Array(64), data_size_in: 64 });
      expect(await ready).toEqual([log]);
      try {
        text += new TextDecoder().decode(buffer.subarray(0, kernel.read(log, buffer)));
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' });
      }
    }
    // task-pid, [cpu], flags, seconds since boot, function, text
    expect(text).toMatch(/^ *\S.*-\d+ +\[\d{3}\] \S{4,5} +\d+\.\d{6}: bpf_trace_printk: hi 7$/m);
    kernel.close(program);
    kernel.close(log);
  });
});
