import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandKernel, root, startEmbedded } from '../support/kernels.ts';

describe('a background kernel', () => {
  let kernel: CommandKernel & { readonly socket: string };
  beforeAll(async () => {
    kernel = await startEmbedded();
  });
  afterAll(async () => {
    await kernel?.[Symbol.asyncDispose]();
  });

  /** Ids of all maps. */
  const maps = (): number[] => JSON.parse(kernel.ok('-j', 'map', 'show')).map((map: { id: number }) => map.id);

  it('forgets what a client held that was killed', async () => {
    const script = `
      const { RemoteKernel } = await import('skep/server');
      const kernel = new RemoteKernel(process.argv[1]);
      kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
      console.log('ready');
      setInterval(() => {}, 1000);
    `;
    const client = spawn(process.execPath, ['--input-type=module', '-e', script, kernel.socket], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => client.stdout.once('data', resolve));
    expect(maps()).toHaveLength(1);
    const ended = new Promise((resolve) => client.once('exit', resolve));
    client.kill('SIGKILL');
    await ended;
    // The server learns of it when the connection ends, a moment later.
    for (let tries = 0; tries < 50 && maps().length > 0; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(maps()).toEqual([]);
  });

  it('is not impressed by what is no message', async () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.alloc(64, 0xff),
      Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d, 0x7d, 0x7d]),
    ]) {
      const socket = createConnection(kernel.socket);
      socket.on('error', () => {});
      socket.resume();
      socket.end(bytes);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    expect(maps()).toEqual([]);
  });

  it('keeps others out of its directory', () => {
    expect(statSync(join(kernel.socket, '..')).mode & 0o777).toBe(0o700);
  });
});

describe('the command', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skep-home-'));
  const skep = (...words: string[]) =>
    spawnSync(process.execPath, [join(root, 'bin/skep'), ...words], {
      encoding: 'utf8',
      env: { ...process.env, XDG_RUNTIME_DIR: directory, SKEP_KERNEL: '' },
    });
  afterAll(() => {
    skep('serve', '--stop');
    rmSync(directory, { recursive: true, force: true });
  });

  it('starts a kernel when it needs one, finds it again, and ends it', () => {
    expect(skep('serve', '--stop').stdout).toContain('no kernel is served');
    expect(
      skep(
        'map',
        'create',
        '/sys/fs/bpf/kept',
        'type',
        'array',
        'key',
        '4',
        'value',
        '4',
        'entries',
        '1',
        'name',
        'kept',
      ).stderr,
    ).toBe('');
    expect(skep('map', 'show').stdout).toContain('array  name kept');
    expect(skep('serve').stderr).toContain('a kernel is served at');
    expect(skep('serve', '--stop').stdout).toContain('was told to end');
    expect(skep('map', 'show').stdout).toBe('');
  });

  it('uses a kernel of its own where asked', () => {
    expect(skep('--kernel', 'inprocess', 'map', 'show').stdout).toBe('');
    const missing = skep('--kernel', join(directory, 'nobody.sock'), 'map', 'show');
    expect([missing.status, missing.stderr]).toEqual([7, expect.stringContaining('no kernel answers at')]);
    expect(skep('--kernel', 'windows', 'map', 'show')).toMatchObject({ status: 2 });
  });

  it('prints errors as JSON when asked', () => {
    const { status, stdout, stderr } = skep('-j', '--kernel', 'inprocess', 'map', 'show', 'id', '99');
    expect([status, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'ENOENT', error: expect.stringContaining('map id 99') });
  });
});
