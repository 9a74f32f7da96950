import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { load, openObject } from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';

const kernel = createLinuxKernel();
const spec = openObject(objectBytes('test/objects/perf_events.o'), { file: 'perf_events.o' });
const programs = spec.spec.programs.filter(({ name }) => name === 'say_on_cpu');
const BPF_F_TEST_RUN_ON_CPU = 1;
/** Events that the program says in one run. */
const AT_ONCE = 1024;

mkdirSync('/sys/fs/bpf/event_pipe');
let pins = 0;

/** What a command that reads events until it is interrupted prints of two of them, on CPU 0. `undefined` if it ends before. */
async function printed(
  command: string,
  before: readonly string[],
  after: readonly string[],
  lose = 0,
): Promise<string> {
  using loaded = load(kernel, spec, { programs });
  const path = `/sys/fs/bpf/event_pipe/${++pins}`;
  loaded.map('events').pin(path);
  const say = (n: number, size: number) => {
    const ctx_in = new Uint8Array(BigUint64Array.of(BigInt(n), BigInt(size)).buffer);
    const attr = {
      prog_fd: loaded.program('say_on_cpu').fd,
      ctx_in,
      ctx_size_in: 16,
      cpu: 0,
      flags: BPF_F_TEST_RUN_ON_CPU,
    };
    kernel.bpf('BPF_PROG_TEST_RUN', attr);
  };
  const child = spawn(command, [...before, 'map', 'event_pipe', 'pinned', path, ...after], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk));
  const ended = once(child, 'exit');
  while (loaded.globals.said === 0 && child.exitCode === null) {
    say(1, 12);
    await pause();
  }
  if (lose > 0) {
    child.kill('SIGSTOP');
    await pause(50);
    for (let left = lose; left > 0; left -= AT_ONCE) say(Math.min(left, AT_ONCE), 60);
    child.kill('SIGCONT');
    // The kernel tells of the loss when there is room again.
    for (let i = 0; i < 1000 && !/lost/.test(text); i++) {
      await pause();
      say(1, 60);
    }
  }
  say(1, 60);
  await pause(500);
  await interrupted(child, ended);
  return text;
}

const pause = (ms = 10) => new Promise((resolve) => setTimeout(resolve, ms));

async function interrupted(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGINT');
  await ended;
}

const skep = (before: readonly string[], after: readonly string[], lose?: number) =>
  printed(process.execPath, ['bin/skep', '--kernel', 'linux', ...before], after, lose);

/** Without what no two runs have in common, and what bpftool says on standard error. */
function plain(text: string): string {
  return text
    .replace(/^Stopping\.\.\.\n/m, '')
    .replace(/@\d+\.\d{9} /g, '@TIME ')
    .replace(/"timestamp":\d+/g, '"timestamp":TIME');
}

describe('skep map event_pipe', () => {
  it('prints the events, and those that were lost', async () => {
    const text = await skep([], [], 3000);
    expect(plain(text)).toContain('== @TIME CPU: 0 index: 0 =====\n00 00 00 00 00 00 00 00  00 00 00 00\n== @TIME');
    expect(text).toMatch(/^lost \d+ events$/m);
  });

  it('prints JSON, an object a line', async () => {
    const lines = (await skep(['-j'], [], 3000))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toEqual({
      type: 9,
      cpu: 0,
      index: 0,
      timestamp: expect.any(Number),
      data: Array(12).fill(0),
    });
    expect(lines).toContainEqual({
      type: 2,
      cpu: 0,
      index: 0,
      lost: { id: expect.any(Number), count: expect.any(Number) },
    });
  });

  it('says which words it takes', async () => {
    expect(await skep([], ['cpu', '0'])).toBe('Error: cpu and index go together: cpu N index M\n');
    expect(await skep([], ['cpu', '0', 'cpu', '1'])).toBe('Error: cpu is given twice\n');
  });

  const missing = spawnSync('bpftool', ['version']).error === undefined ? undefined : 'bpftool is not installed';
  if (missing !== undefined) console.log(`skipped beside bpftool: ${missing}`);
  it.skipIf(missing !== undefined)('prints what bpftool prints', async () => {
    expect(plain(await skep([], []))).toBe(plain(await printed('bpftool', [], [])));
    const slot = ['cpu', '0', 'index', '0'];
    expect(plain(await skep([], slot))).toBe(plain(await printed('bpftool', [], slot)));
    const json = `[${(await skep(['-j'], [])).trim().split('\n').join(',')}]\n`;
    expect(plain(json)).toBe(plain(await printed('bpftool', ['-j'], [])));
  });
});
