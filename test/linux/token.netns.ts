import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { load, NotSupportedError, openObject } from '../../src/index.ts';
import { root } from '../support/kernels.ts';
import { objectBytes } from '../support/objects.ts';
import { skipBefore } from '../support/since.ts';
import { SLOW } from '../support/slow.ts';

const kernel = createLinuxKernel();
const dir = mkdtempSync(join(tmpdir(), 'skep-token-'));
const OBJECT = 'test/objects/btf_maps.o';
const missing = spawnSync('gcc', ['--version']).error === undefined ? undefined : 'gcc is not installed';
if (missing !== undefined) console.log(`skipped with tokens: ${missing}`);
const LONG = { timeout: 60_000 * SLOW };

/** Runs skep as root of a user namespace, which has the rights that the bpffs at `bpffs` delegates. */
function skep(bpffs: string, environment: Readonly<Record<string, string>>, ...words: readonly string[]) {
  const line = [bpffs, process.execPath, join(root, 'bin/skep'), '--kernel', 'linux', ...words];
  const { status, stdout, stderr } = spawnSync(join(dir, 'enter'), line, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    cwd: root,
  });
  return { status, stdout, stderr };
}

describe.skipIf(missing !== undefined)('tokens', LONG, () => {
  beforeAll(() => {
    const words = ['-o', join(dir, 'enter'), 'test/objects/token_enter.c'];
    const { status, stderr } = spawnSync('gcc', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  });
  afterAll(() => rmSync(dir, { recursive: true }));
  const loadall = ['prog', 'loadall', OBJECT, '/sys/fs/bpf/x', 'type', 'sched_cls'];

  it('what the bpffs of a user namespace delegates is used', (context) => {
    skipBefore(context, '6.9', 'tokens');
    expect(skep('/sys/fs/bpf', {}, ...loadall)).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('not if it is not wanted', (context) => {
    skipBefore(context, '6.9', 'tokens');
    const refused = skep('/sys/fs/bpf', { LIBBPF_BPF_TOKEN_PATH: '' }, ...loadall);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('Operation not permitted') });
  });

  it('of a bpffs elsewhere, if its path is said', (context) => {
    skipBefore(context, '6.9', 'tokens');
    const words = ['--strace', 'prog', 'load', 'examples/classify/cls.bpf.o', `${dir}/x`, 'type', 'sched_cls'];
    const made = skep(dir, { LIBBPF_BPF_TOKEN_PATH: dir }, ...words);
    expect(made.status).toBe(0);
    for (const call of ['BPF_MAP_CREATE', 'BPF_PROG_LOAD', 'BPF_BTF_LOAD']) {
      const lines = made.stderr.split('\n').filter((line) => line.startsWith(`bpf(${call}`));
      expect(lines.every((line) => /token_fd=\d+/.test(line))).toBe(true);
    }
    expect(skep(dir, { LIBBPF_BPF_TOKEN_PATH: '/tmp' }, ...words)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('/tmp is no bpffs'),
    });
  });

  it('there is none outside of user namespaces, and none before Linux 6.9', () => {
    const object = openObject(objectBytes(OBJECT), { file: OBJECT });
    const loading = () => load(kernel, object, { type: 'sched_cls', token: '/sys/fs/bpf' });
    expect(loading).toThrow(NotSupportedError);
    expect(loading).toThrow('a token of /sys/fs/bpf');
  });
});
