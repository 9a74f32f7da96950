import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { exportFds, type LoadedObject, load, openObject } from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';

const kernel = createLinuxKernel();
const spec = openObject(objectBytes('examples/shared/shared_none.bpf.o'), { file: 'shared.bpf.o' });
kernel.mount('tmpfs', '/mnt', 'tmpfs', 0, '');
const path = `${mkdtempSync('/mnt/agent-')}/socket`;

/** What an agent prints, and its exit code, once it was given the map of a filter. */
async function agent(command: string, args: readonly string[], give: (loaded: LoadedObject) => void) {
  using loaded = load(kernel, spec, { type: 'sched_cls' });
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  while (!existsSync(path) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
  give(loaded);
  const status = await ended;
  return { status, lines: text.split('\n'), map: loaded.map('map_sh') };
}
const give = (loaded: LoadedObject) =>
  exportFds(kernel, path, { map_sh: loaded.map('map_sh'), again: loaded.map('map_sh') }, { ids: { map_sh: 42 } });

const SCRIPT = 'env; readlink /proc/$$/fd/$BPF_MAP42; cat /proc/$$/fdinfo/$BPF_MAP0; exit 3';
const skep = ['bin/skep', '--kernel', 'linux', 'tc', 'exec', 'bpf', 'import', path];

describe('an agent', () => {
  it('runs a program that inherits the maps, and ends as that does', async () => {
    const { status, lines } = await agent(process.execPath, [...skep, 'run', '--', 'sh', '-c', SCRIPT], give);
    expect(status).toBe(3);
    expect(lines).toEqual(
      expect.arrayContaining(['BPF_NUM_MAPS=2', 'BPF_MAP42=3', 'BPF_MAP0=4', 'anon_inode:bpf-map']),
    );
    expect(lines.some((line) => /^map_type:\t\d+$/.test(line))).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  it('ends when it is interrupted, and leaves no socket', async () => {
    const child = spawn(process.execPath, skep, { stdio: ['ignore', 'ignore', 'pipe'] });
    const said: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill('SIGTERM');
    expect(await ended).toBe(1);
    expect(said.join('')).toBe(`Error: interrupted: nobody has handed anything over at ${path}\n`);
    expect(existsSync(path)).toBe(false);
  });

  it('says what cannot be run', async () => {
    const { status, lines } = await agent(process.execPath, [...skep, 'run', '/mnt/nothing'], give);
    expect([status, lines[0]]).toEqual([2, expect.stringContaining('/mnt/nothing cannot be run')]);
  });

  const missing = spawnSync('tc', ['-V']).error === undefined ? undefined : 'tc is not installed';
  if (missing !== undefined) console.log(`skipped beside tc: ${missing}`);
  it.skipIf(missing !== undefined)('of tc takes what skep gives', async () => {
    const { status, lines } = await agent('tc', ['exec', 'bpf', 'import', path, 'run', 'sh', '-c', SCRIPT], give);
    expect(status).toBe(3);
    expect(lines).toEqual(expect.arrayContaining(['BPF_NUM_MAPS=2', 'anon_inode:bpf-map']));
    expect(lines.filter((line) => /^BPF_MAP(42|0)=\d+$/.test(line))).toHaveLength(2);
    expect(lines.some((line) => /^map_type:\t\d+$/.test(line))).toBe(true);
  });

  it('of tc takes what a command of skep exports', async () => {
    const add = 'tc filter add dev lo egress bpf da obj examples/shared/shared_none.bpf.o sec egress verbose'.split(
      ' ',
    );
    const run = (...words: string[]) =>
      spawnSync(process.execPath, ['bin/skep', '--kernel', 'linux', ...words], {
        encoding: 'utf8',
        env: { ...process.env, TC_BPF_UDS: path },
      });
    // The loopback device of the namespace.
    expect(run('tc', 'qdisc', 'add', 'dev', 'lo', 'clsact').status).toBe(0);
    const { status, lines } = await agent('tc', ['exec', 'bpf', 'import', path, 'run', 'env'], () => {
      expect(run(...add)).toMatchObject({ status: 0 });
    });
    expect([status, lines.includes('BPF_NUM_MAPS=1')]).toEqual([0, true]);
  });
});
