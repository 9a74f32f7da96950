import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../../test/support/kernels.ts';

const skep = join(root, 'bin/skep');
const work = mkdtempSync(join(tmpdir(), 'skep-main-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Runs a line of sh in which `skep` is the command on a kernel of its own. */
function sh(line: string, cwd = work) {
  const script = `skep() { '${process.execPath}' '${skep}' --kernel inprocess "$@"; }; ${line}`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { cwd, encoding: 'utf8', timeout: 30_000 });
  return { status, stdout, stderr };
}

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends a command that waits', async (signal) => {
    const fifo = join(work, `fifo-${signal}`);
    spawnSync('mkfifo', [fifo]);
    const child = spawn(process.execPath, [skep, '--kernel', 'inprocess', 'plan', fifo], { stdio: 'ignore' });
    // Opening it succeeds as soon as the command waits at the other end.
    const ended = new Promise((resolve) => child.once('exit', (_code, by) => resolve(by)));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    expect(await ended).toBe(signal);
    clearTimeout(late);
  });

  it('SIGINT lets a command that is meant to be interrupted end well', async () => {
    const words = ['--strace', '--kernel', 'inprocess', 'prog', 'tracelog'];
    const child = spawn(process.execPath, [skep, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    // It waits once it has found nothing to read.
    await new Promise<void>((resolve) => {
      child.stderr.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('EAGAIN')) resolve();
      });
    });
    child.kill('SIGINT');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    expect(await ended).toBe(0);
    clearTimeout(late);
  });
});

describe('output that cannot be written', () => {
  it('says so, once, when the disk is full', () => {
    const { status, stderr } = sh('skep help >/dev/full');
    expect(stderr).toBe('Error: cannot write to standard output: no space left on device\n');
    expect(status).toBe(1);
  });

  it('does not mind a standard error that nobody reads', () => {
    const { stdout } = sh('{ { sleep 0.2; skep --strace map show; echo "rc $?" >&3; } 2>&1 >/dev/null | true; } 3>&1');
    expect(stdout).toBe('rc 0\n');
  });

  it('ends well when the reader goes away', () => {
    expect(sh('skep help | true').stderr).toBe('');
  });
});

describe('what a kernel refuses with a bare number', () => {
  const line = 'map create /sys/fs/bpf/m type lpm_trie key 8 value 4 entries 8 name m';
  it('is followed by what may be the reason', () => {
    expect(sh(`skep ${line.replace('lpm_trie', 'array')}`)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Error: BPF_MAP_CREATE.*\n {2}maybe: the key of this type is an index.*\n$/),
    });
  });
  it('in JSON too', () => {
    const { stdout } = sh(`skep -j ${line.replace('lpm_trie', 'array')}`);
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'EINVAL',
      reasons: [{ why: expect.stringContaining('an index') }],
    });
  });
});

describe('the names of objects', () => {
  it.each(['plan', 'disasm'])('%s reads no device', (command) => {
    expect(sh(`skep ${command} /dev/zero`)).toMatchObject({
      status: 2,
      stderr: 'Error: cannot read /dev/zero: it is neither a file nor a pipe\n',
    });
  });

  it('reads pipes', () => {
    writeFileSync(join(work, 'text.o'), 'int main;');
    expect(sh('cat text.o | skep plan -').stderr).toContain('this is no ELF file');
    expect(sh('mkfifo f; cat text.o >f & skep plan f').stderr).toContain('this is no ELF file');
  });

  it('reads no more than fits', () => {
    const fd = openSync(join(work, 'long'), 'w');
    closeSync(fd);
    spawnSync('truncate', ['-s', '300M', 'long'], { cwd: work });
    for (const line of ['skep plan long', 'skep plan - <long', 'skep plan - </dev/zero'])
      expect(sh(line)).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('it has more than 268435456 bytes'),
      });
  });
});
