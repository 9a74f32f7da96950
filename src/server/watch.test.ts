import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

import { createConnection } from 'node:net';

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandKernel, root, startEmbedded } from '../../test/support/kernels.ts';
import type { KernelEvent } from '../sys/watch.ts';
import { decodeFrame } from './decode.ts';
import { encodeFrame } from './encode.ts';
import { EventQueue } from './event-queue.ts';
import { FrameReader } from './protocol.ts';

/** As built: its thread is a file of JavaScript. */
const { RemoteKernel }: typeof import('./remote.ts') = await import(join(root, 'dist/server/remote.js'));

const FRAME = new Uint8Array(64).fill(1);
const packet = { kind: 'packet', device: 'v0', direction: 'ingress', length: 64 };

let kernel: CommandKernel & { readonly socket: string };
beforeAll(async () => {
  kernel = await startEmbedded();
  for (const words of [
    'ip link add v0 type veth peer name v1',
    'ip link set v0 up',
    'ip link set v1 up',
    'tc qdisc add dev v0 clsact',
    'tc filter add dev v0 ingress bpf da obj examples/shared/shared.bpf.o sec ingress',
  ])
    kernel.ok(...words.split(' '));
});
afterAll(async () => kernel?.[Symbol.asyncDispose]());

describe.each(['direct', 'thread'] as const)('watch, by a line of kind %s', (line) => {
  it('tells several watchers what each asked for', async () => {
    const [packets, log, other] = await Promise.all([
      watcher({ packets: 'v0' }, line),
      watcher({ log: true }, line),
      watcher({ packets: 'v1', log: true }, line),
    ]);
    using remote = new RemoteKernel(kernel.socket, line);
    remote.send('v0', 'ingress', FRAME);
    await until(() => packets.seen.length === 1 && log.seen.length === 1 && other.seen.length === 1);
    expect(packets.seen).toEqual([expect.objectContaining({ ...packet, verdict: 0 })]);
    expect(log.seen).toEqual([{ kind: 'log', line: expect.stringContaining('bpf_trace_printk: map val') }]);
    expect(other.seen).toEqual(log.seen);
    for (const one of [packets, log, other]) await one.end();
  });

  it('may be left, and the connection goes on', async () => {
    using remote = new RemoteKernel(kernel.socket, line);
    const events = remote.watch({ packets: true });
    const first = events.next();
    // The request is sent by now: calls are answered in turn.
    remote.send('v0', 'ingress', FRAME);
    expect((await first).value).toMatchObject(packet);
    await events.return();
    expect(remote.readdir('/sys/fs/bpf')).toContain('tc');
  });
});

describe('a watcher', () => {
  it('that does not read holds nobody up, and is told how much it missed', async () => {
    const slow = createConnection(kernel.socket);
    slow.pause();
    slow.write(encodeFrame([1, 'watch', true, false]));
    const brisk = await watcher({ packets: true });
    using remote = new RemoteKernel(kernel.socket);
    await new Promise((resolve) => setTimeout(resolve, 200)); // until the server has read it
    const COUNT = 20_000;
    for (let n = 0; n < COUNT; n++) {
      remote.send('v0', 'ingress', FRAME);
      if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await until(() => brisk.seen.length === COUNT);
    const frames = new FrameReader();
    let got = 0;
    let lost = 0;
    slow.on('data', (chunk: Buffer) => {
      for (const frame of frames.push(chunk)) {
        for (const event of (decodeFrame(frame)?.[2] ?? []) as KernelEvent[]) {
          // the server is ours
          if (event.kind === 'lost') lost += event.count;
          else got++;
        }
      }
    });
    slow.resume();
    await until(() => got + lost === COUNT);
    expect(lost).toBeGreaterThan(0);
    expect(got).toBeGreaterThan(4000);
    slow.destroy();
    await brisk.end();
  });

  it('that is killed costs nobody anything', async () => {
    const killed = command('watch', 'packets');
    using remote = new RemoteKernel(kernel.socket);
    await said(killed, () => remote.send('v0', 'ingress', FRAME));
    killed.child.kill('SIGKILL');
    await killed.ended;
    const after = await watcher({ packets: true });
    remote.send('v0', 'ingress', FRAME);
    await until(() => after.seen.length === 1);
    await after.end();
  });

  it.skipIf(process.getuid?.() !== 0)('of another user is refused', () => {
    const script = `process.setuid(54321); require('net').connect(${JSON.stringify(kernel.socket)})
      .on('error', (error) => console.log(error.code)).on('connect', () => process.exit(1))`;
    const { status, stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, 'EACCES\n']);
  });
});

describe('skep watch', () => {
  it('prints changes of maps, packets and the log, and ends well', async () => {
    const watching = command('watch', 'map', 'pinned', '/sys/fs/bpf/tc/globals/map_sh', 'packets', 'dev', 'v0', 'log');
    using remote = new RemoteKernel(kernel.socket);
    await said(watching, () => remote.send('v0', 'ingress', FRAME));
    kernel.ok(...'map update pinned /sys/fs/bpf/tc/globals/map_sh key 0 0 0 0 value 42 0 0 0'.split(' '));
    await until(() => watching.text().includes('2a 00 00 00'));
    watching.child.kill('SIGINT');
    expect(await watching.ended).toBe(0);
    expect(watching.text()).toMatch(/^packet v0 ingress 64 bytes verdict (ok|pass)$/m);
    expect(watching.text()).toMatch(/^log .*bpf_trace_printk: map val: /m);
    expect(watching.text()).toMatch(/^map \d+ changed {2}key: 00 00 00 00 {2}value: 2a 00 00 00$/m);
  });

  it('says what cannot be watched', () => {
    expect(kernel.skep('watch', 'keys')).toMatchObject({ status: 2 });
    expect(kernel.skep('watch', 'map', 'id', '9999')).toMatchObject({ status: 1 });
    expect(kernel.skep('--kernel', 'inprocess', 'watch')).toMatchObject({ status: 6 });
  });
});

describe('an event queue', () => {
  it('counts what it does not keep', () => {
    const queue = new EventQueue(2);
    const log = (line: string): KernelEvent => ({ kind: 'log', line });
    for (const line of ['a', 'b', 'c']) queue.push(log(line));
    queue.push({ kind: 'lost', count: 5 });
    expect(queue.take()).toEqual([log('a'), log('b'), { kind: 'lost', count: 6 }]);
    queue.push(log('d'));
    expect(queue.take()).toEqual([log('d')]);
    expect(queue.empty).toBe(true);
  });
});

/** What a watcher on a connection of its own has seen since it is heard. */
async function watcher(options: Parameters<InstanceType<typeof RemoteKernel>['watch']>[0], line?: 'direct' | 'thread') {
  const remote = new RemoteKernel(kernel.socket, line);
  const end = new AbortController();
  const seen: KernelEvent[] = [];
  const ended = (async () => {
    for await (const event of remote.watch({ ...options, signal: end.signal })) seen.push(event);
  })();
  remote.readdir('/sys/fs/bpf'); // answered after the request
  return {
    seen,
    async end() {
      end.abort();
      await ended;
      remote[Symbol.dispose]();
    },
  };
}

function command(...words: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [join(root, 'bin/skep'), '--kernel', kernel.socket, ...words], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, ended, text: () => printed };
}

/** Does something again until a command has printed. */
async function said({ text }: { text(): string }, cause: () => void): Promise<void> {
  for (let tries = 0; text() === '' && tries < 500; tries++) {
    cause();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(text()).not.toBe('');
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition() && tries < 1000; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(condition()).toBe(true);
}
