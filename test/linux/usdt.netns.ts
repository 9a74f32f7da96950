import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { type Attachment, type LoadedObject, listLinks, load, openLink, openObject } from '../../src/index.ts';
import { runSkep } from '../support/commands.ts';
import { objectBytes } from '../support/objects.ts';
import { isAtLeast, running } from '../support/since.ts';

const kernel = createLinuxKernel();
const dir = mkdtempSync(join(tmpdir(), 'skep-usdt-'));
/** Where the kernel puts it, and where its addresses say. */
const BINARIES = { anywhere: [], fixed: ['-no-pie', '-O0'] } as const;
const missing =
  spawnSync('gcc', ['--version']).error !== undefined
    ? 'gcc is not installed'
    : existsSync('/sys/bus/event_source/devices/uprobe')
      ? undefined
      : 'this kernel has no uprobes';
if (missing !== undefined) console.log(`skipped with USDT: ${missing}`);
const whole = { provider: 'skep', name: 'step' };

interface Seen {
  readonly runs: bigint;
  readonly args: readonly bigint[];
  readonly cookie: bigint;
  readonly count: bigint;
  readonly missing: bigint;
}

function seen(loaded: LoadedObject, slot = 0): Seen {
  return loaded.map('seen').get(slot) as unknown as Seen; // struct seen of usdt.c
}

const open = () => openObject(objectBytes('test/objects/usdt.o'), { file: 'usdt.o' });

/** The program, until it is told to go on. */
async function start(binary: keyof typeof BINARIES, rounds: number): Promise<ChildProcessWithoutNullStreams> {
  const child = spawn(join(dir, binary), [String(rounds)]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

/** Lets the program run to its end. What it has printed: how often it saw its counter raised. */
async function finish(child: ChildProcessWithoutNullStreams): Promise<string> {
  let text = '';
  child.stdout.on('data', (data) => {
    text += String(data);
  });
  child.stdin.end('\n');
  await new Promise((resolve) => child.once('close', resolve));
  return text.trim();
}

async function run(binary: keyof typeof BINARIES, rounds: number): Promise<string> {
  return finish(await start(binary, rounds));
}

describe.skipIf(missing !== undefined)('USDT probes', () => {
  beforeAll(() => {
    for (const [name, options] of Object.entries(BINARIES)) {
      const { status, stderr } = spawnSync('gcc', [...options, '-o', join(dir, name), 'test/objects/usdt_target.c'], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
    }
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('of every process that runs the file: what the arguments are, at each place', async () => {
    using loaded = load(kernel, open());
    using attached = loaded.attachUsdt('on_step', join(dir, 'fixed'), { ...whole, cookie: 77n });
    await run('fixed', 5);
    expect(seen(loaded)).toEqual({
      runs: 10n,
      args: [-7n, 1n << 40n, -9n, 5n],
      cookie: 77n,
      count: 4n,
      missing: -2n,
    });
    attached.detach();
    await run('fixed', 1);
    expect(seen(loaded).runs).toBe(10n);
    expect([...listLinks(kernel)].filter(({ progId }) => progId === loaded.program('on_step').id)).toEqual([]);
  });

  it('of one process, wherever it is mapped', async () => {
    using loaded = load(kernel, open());
    const child = await start('anywhere', 3);
    using _attached = loaded.attachUsdt('on_step', join(dir, 'anywhere'), { ...whole, pid: child.pid });
    await run('anywhere', 2);
    await finish(child);
    expect(seen(loaded)).toMatchObject({ runs: 6n, args: [-7n, 1n << 40n, -9n, 3n], cookie: 0n });
  });

  it('a counter is raised while somebody watches', async () => {
    using loaded = load(kernel, open());
    const probe = { provider: 'skep', name: 'counted' };
    expect(await run('fixed', 2)).toBe('0');
    const attached = loaded.attachUsdt('on_counted', join(dir, 'fixed'), probe);
    expect(await run('fixed', 2)).toBe('2');
    expect(seen(loaded, 1)).toMatchObject({ runs: 2n, args: [4711n, 0n, 0n, 0n], count: 1n });
    attached.close();
    expect(await run('fixed', 2)).toBe('0');
  });

  it('entries of the maps are given back', () => {
    using loaded = load(kernel, open(), { maxEntries: { __bpf_usdt_specs: 3 } });
    const attach = () => loaded.attachUsdt('on_step', join(dir, 'fixed'), whole);
    // At -O0 both places find their arguments alike.
    for (let n = 0; n < 10; n++) attach().close();
    if (!isAtLeast(running, '5.15')) {
      using _held = attach();
      // Without cookies an address stands for one entry.
      expect(attach).toThrow(expect.objectContaining({ code: 'EEXIST' }));
      return;
    }
    const held = [attach(), attach(), attach()];
    expect(attach).toThrow('has only 3 entries, all taken');
    for (const attachment of held) attachment.close();
    attach().close();
  });

  it('an entry is kept by a pin', (context) => {
    using loaded = load(kernel, open());
    using attached: Attachment = loaded.attachUsdt('on_step', join(dir, 'fixed'), whole);
    const links = [...listLinks(kernel)].filter(({ progId }) => progId === loaded.program('on_step').id);
    if (links.length !== 1 || !(links[0]?.type === 'uprobe_multi')) {
      expect(() => attached.pin('/sys/fs/bpf/usdt')).toThrow('(Linux >= 6.6)');
      context.skip('no links of many uprobes');
    }
    attached.pin('/sys/fs/bpf/usdt');
    attached.close();
    const left = [...listLinks(kernel)].filter(({ progId }) => progId === loaded.program('on_step').id);
    expect(left).toHaveLength(1);
    kernel.unlink('/sys/fs/bpf/usdt');
  });

  it('what is wrong is said', () => {
    using loaded = load(kernel, open());
    const attach = (name: string, file = join(dir, 'fixed')) =>
      loaded.attachUsdt('on_step', file, { provider: 'skep', name });
    expect(() => attach('nothing')).toThrow(
      `${join(dir, 'fixed')}: it has no USDT probe skep:nothing; it has skep:step, skep:counted`,
    );
    expect(() => attach('step', '/bin/cat')).toThrow('it has none at all');
    expect(() => attach('step', join(dir, 'absent'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => loaded.attach('on_step')).toThrow('does not say what to attach it to');
  });

  it('of a library, by the name of a section; all or none', async (context) => {
    if (!existsSync('/usr/lib/x86_64-linux-gnu/libstdc++.so.6')) context.skip('there is no libstdc++ here');
    using loaded = load(kernel, open());
    if (!isAtLeast(running, '5.15')) {
      expect(() => loaded.attach('on_throw')).toThrow('give the process (option pid)');
      context.skip('libraries without cookies');
    }
    const [link] = loaded.attachAll();
    expect(link).toBeDefined();
    link?.close();
    const words = ['prog', 'loadall', 'test/objects/usdt.o', '/sys/fs/bpf/usdt', 'autoattach'];
    const result = await runSkep('--kernel', 'linux', ...words);
    if (isAtLeast(running, '6.10')) {
      expect(result).toMatchObject({ status: 0 });
      using pinned = openLink(kernel, { pinned: '/sys/fs/bpf/usdt/on_throw' });
      expect(pinned.info).toMatchObject({ type: 'uprobe_multi' });
      for (const name of kernel.readdir('/sys/fs/bpf/usdt')) kernel.unlink(`/sys/fs/bpf/usdt/${name}`);
    }
  });
});
