import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../../test/support/kernels.ts';

/** Where the background kernel is, how it is found, and how it ends: by commands, each with a runtime directory of the test's own. */
const home = mkdtempSync(join(tmpdir(), 'skep-bg-'));
const bin = join(root, 'bin/skep');
const environment = (XDG_RUNTIME_DIR: string, more: Record<string, string> = {}) => ({
  ...process.env,
  SKEP_KERNEL: '',
  XDG_RUNTIME_DIR,
  ...more,
});
const skep = (runtime: string, words: readonly string[], more: { cwd?: string; env?: Record<string, string> } = {}) =>
  spawnSync(process.execPath, [bin, ...words], {
    encoding: 'utf8',
    cwd: more.cwd ?? home,
    env: environment(runtime, more.env),
    timeout: 50_000,
  });
const runtime = (name: string): string => {
  const directory = join(home, name);
  mkdirSync(directory, { mode: 0o700 });
  return directory;
};
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('the place of the socket', () => {
  it.each([
    ['too long', join(home, 'l'.repeat(150)), 'the path of a socket at most'],
    ['no directory', '/dev/null', 'cannot be made'],
    ['in a file system that makes no directories', '/proc', 'cannot be made'],
  ])('is refused in one sentence if it is %s', (_name, directory, sentence) => {
    for (const words of [['map', 'show'], ['serve']]) {
      const { status, stderr } = skep(directory, words);
      expect([status, stderr.trim().split('\n')]).toEqual([7, [expect.stringContaining(sentence)]]);
    }
    expect(existsSync(join(directory, 'skep'))).toBe(false);
  });

  it('is refused wherever it is named', () => {
    const long = join(home, 'l'.repeat(150));
    for (const words of [
      ['serve', '--socket', long],
      ['serve', '--stop', '--socket', long],
      ['--kernel', long, 'map', 'show'],
    ])
      expect(skep(home, words)).toMatchObject({ status: 7, stderr: expect.stringContaining('at most') });
    expect(readdirSync(home).filter((name) => name.startsWith('ll'))).toEqual([]);
  });

  it('is in the temporary directory if XDG_RUNTIME_DIR is relative', () => {
    const temporary = runtime('tmp');
    const env = { TMPDIR: temporary };
    expect(skep('relative', ['map', 'show'], { env })).toMatchObject({ status: 0, stderr: '' });
    expect(skep('relative', ['serve', '--stop'], { env }).stdout).toContain(join(temporary, 'skep-'));
    expect(existsSync(join(home, 'relative'))).toBe(false);
  });

  it.skipIf(process.getuid?.() !== 0)('needs no name for the user', () => {
    const directory = runtime('nameless');
    const { status, stderr } = spawnSync(process.execPath, [bin, 'serve', '--stop'], {
      encoding: 'utf8',
      env: { ...environment(''), TMPDIR: directory },
      uid: 54321,
      gid: 54321,
    });
    // Without access to the repository node says so itself; ours is that no stack trace comes of the missing name.
    expect(stderr).not.toContain('uv_os_get_passwd');
    if (!stderr.includes('EACCES')) expect(status).toBe(0);
  });
});

describe('a served socket', () => {
  it('is stopped by its path, however that is given, and says how', async () => {
    const directory = runtime('stop');
    const socket = join(directory, 'k.sock');
    const stops: [string[], Record<string, string>][] = [
      [['serve', '--stop', '--socket', 'k.sock'], {}],
      [['--kernel', socket, 'serve', '--stop'], {}],
      [['serve', '--stop'], { SKEP_KERNEL: socket }],
    ];
    for (const [words, env] of stops) {
      const server = start(directory, ['serve', '--socket', 'k.sock']);
      expect(await server.said).toContain(`skep serve --stop --socket ${socket}`);
      expect(skep(directory, words, { cwd: directory, env }).stdout).toContain(`${socket} was told to end`);
      expect(await server.ended).toBe(0);
    }
    expect(skep(directory, ['--kernel', 'linux', 'serve', '--stop'])).toMatchObject({ status: 2 });
  });

  it('replaces what a killed server left, whoever has its process id now', async () => {
    const directory = runtime('stale');
    const first = start(directory, ['serve', '--socket', 'k.sock']);
    await first.said;
    first.child.kill('SIGKILL');
    await first.ended;
    expect(existsSync(join(directory, 'k.sock'))).toBe(true);
    writeFileSync(join(directory, 'k.sock.lock'), String(process.pid));
    const old = new Date(Date.now() - 60_000);
    utimesSync(join(directory, 'k.sock.lock'), old, old);
    const second = start(directory, ['serve', '--socket', 'k.sock']);
    expect(await second.said).toContain('serving');
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is won by one of several that find a dead one', async () => {
    const directory = runtime('race');
    const dead = start(directory, ['serve', '--socket', 'k.sock']);
    await dead.said;
    dead.child.kill('SIGKILL');
    await dead.ended;
    const servers = Array.from({ length: 6 }, () => start(directory, ['serve', '--socket', 'k.sock']));
    const said = await Promise.all(servers.map((server) => server.said));
    expect(said.filter((text) => text.startsWith('serving'))).toHaveLength(1);
    expect(said.filter((text) => text.includes('is served at'))).toHaveLength(5);
    for (const { child } of servers) child.kill('SIGTERM');
    await Promise.all(servers.map((server) => server.ended));
  });

  it('is not put where a file is', () => {
    const file = join(runtime('file'), 'notes');
    writeFileSync(file, 'mine');
    expect(skep(home, ['serve', '--socket', file])).toMatchObject({ status: 2 });
    expect(existsSync(file)).toBe(true);
  });

  it('is served, also while it is too busy to answer', async () => {
    const directory = runtime('busy');
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(join(directory, 'k.sock'), resolve));
    const second = start(directory, ['serve', '--socket', 'k.sock']);
    expect(await second.said).toContain('is served at');
    busy.close();
  });
});

/** A command in the background: what it says first, and its exit code. */
function start(cwd: string, words: readonly string[]) {
  const child = spawn(process.execPath, [bin, ...words], {
    cwd,
    env: environment(cwd),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const said = new Promise<string>((resolve) => {
    child.stderr.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', () => resolve(''));
  });
  return { child, ended, said };
}
