import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../../test/support/kernels.ts';
import { objectBytes } from '../../test/support/objects.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { BpfError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { Fd } from '../uapi/fd.ts';
import { decodeFrame } from './decode.ts';
import { encodeFrame } from './encode.ts';
import { FrameReader } from './protocol.ts';

/** As built: its thread is a file of JavaScript. */
const { RemoteKernel }: typeof import('./remote.ts') = await import(join(root, 'dist/server/remote.js'));
const { addDevice, findDevice, load, openObject, setDeviceUp }: typeof import('../loader/index.ts') = await import(
  join(root, 'dist/loader/index.js')
);

let directory: string;
let path: string;
let server: ChildProcess;
let ended: Promise<number | null>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'skep-conn-'));
  path = join(directory, 'k.sock');
  server = spawn(process.execPath, [join(root, 'bin/skep'), 'serve', '--socket', path], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  ended = new Promise((resolve) => server.once('exit', resolve));
  await new Promise((resolve) => server.stderr?.once('data', resolve));
});
afterEach(async () => {
  server.kill('SIGKILL');
  await ended;
  rmSync(directory, { recursive: true, force: true });
});

const array = { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 } as const;
/** XDP: `r0 = 2`, then a loop of so many rounds, then exit. */
const loop = (rounds: number) =>
  bytes([0xb7, 0, 0, 2], [0xb7, 1, 0, rounds], [0x07, 1, 0, -1], [0x55, 1, -2, 0], [0x95, 0, 0, 0]);
const SLOW = loop(0xffff);

const LINES = ['direct', 'thread'] as const;

describe.each(LINES)('errors of a kernel behind a socket, by a line of kind %s', (line) => {
  it.each<[string, (kernel: Kernel) => unknown]>([
    ['a path', (kernel) => kernel.rmdir('/sys/fs/bpf/none')],
    ['two paths', (kernel) => kernel.rename('/sys/fs/bpf/a', '/sys/fs/bpf/b')],
    ['a type and a path', (kernel) => kernel.mount('none', '/nowhere', 'bpf', 0, '')],
    ['an fd', (kernel) => kernel.close(77 as ReturnType<Kernel['open']>)],
    ['nothing but a sentence', (kernel) => kernel.bpf('BPF_MAP_CREATE', { ...array, map_type: 999 })],
  ])('are those of one in this process: %s', (_name, call) => {
    using remote = new RemoteKernel(path, line);
    using embedded = createEmbeddedKernel();
    const want = failure(() => call(embedded.kernel));
    expect(want.message).not.toBe('');
    expect(failure(() => call(remote))).toMatchObject({ message: want.message, code: want.code });
  });

  it('say which names are too long', () => {
    using remote = new RemoteKernel(path, line);
    const long = `/sys/fs/bpf/${'x'.repeat(70_000)}`;
    expect(failure(() => remote.mkdir(long, 0o700)).code).toBe('ENAMETOOLONG');
  });

  it('say what a socket does not carry', () => {
    using remote = new RemoteKernel(path, line);
    const map_fd = remote.bpf('BPF_MAP_CREATE', { ...array, value_size: 100_000_000 });
    const lookup = () =>
      remote.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: new Uint8Array(4), value: new Uint8Array(100_000_000) });
    expect(failure(lookup)).toMatchObject({
      code: 'MESSAGE_TOO_LONG',
      message: expect.stringContaining('in one call'),
    });
    expect(remote.readdir('/mnt')).toEqual([]);
  });
});

describe.each(LINES)('many test runs of a kernel behind a socket, by a line of kind %s', (line) => {
  it('are one call, of the client’s own program', () => {
    using remote = new RemoteKernel(path, line);
    using loaded = load(remote, openObject(objectBytes('bench/programs/parser.o'), { file: 'parser.o' }));
    const { fd } = loaded.program('parser');
    const frames = [60, 64, 1514, 13, 60].map((length) => new Uint8Array(length));
    expect(remote.testRuns(remote, fd, frames, 2)).toEqual({
      verdicts: Uint32Array.of(...frames.slice(0, 3).map((data) => loaded.program('parser').run({ data }).retval)),
      durationNs: expect.any(Number),
    });
    expect(remote.testRuns(createEmbeddedKernel().kernel, fd, frames, 1)).toBeUndefined();
    expect(failure(() => remote.testRuns(remote, 77 as Fd, frames, 1)).code).toBe('EBADF');
    const none = ['no frame'] as unknown as Uint8Array[]; // as from a client that is none of ours
    expect(failure(() => remote.testRuns(remote, fd, none, 1)).message).toContain('testRuns');
  });
});

describe.each(LINES)('many frames for a device of a kernel behind a socket, by a line of kind %s', (line) => {
  it('are one call', () => {
    using remote = new RemoteKernel(path, line);
    addDevice(remote, { kind: 'dummy', name: 'd0' });
    setDeviceUp(remote, 'd0', true);
    const frames = [60, 64, 1514].map((length) => new Uint8Array(length));
    remote.sendAll('d0', 'egress', frames);
    expect(findDevice(remote, 'd0').stats).toMatchObject({ txPackets: 3n, txBytes: 1638n });
    expect(failure(() => remote.sendAll('d0', 'egress', [...frames, new Uint8Array(13)])).code).toBe('EINVAL');
    expect(failure(() => remote.sendAll('d1', 'egress', frames)).code).toBe('ENODEV');
    const tooMany = Array<Uint8Array>(1025).fill(new Uint8Array(60));
    expect(failure(() => remote.sendAll('d0', 'egress', tooMany)).code).toBe('EINVAL');
    expect(findDevice(remote, 'd0').stats?.txPackets).toBe(3n);
  });
});

describe.each(LINES)('an arena of a kernel behind a socket, by a line of kind %s', (line) => {
  it('has its address and its variables, but no memory here', () => {
    using remote = new RemoteKernel(path, line);
    for (const name of ['arena', 'arena_at']) {
      const object = openObject(objectBytes(`test/objects/${name}.o`), { file: `${name}.o` });
      object.globals.count = 0;
      using loaded = load(remote, object);
      expect(loaded.program('sum').run().retval).toBe(11);
      expect(loaded.program('sum').run().retval).toBe(12);
      expect(failure(() => loaded.globals.count)).toMatchObject({ code: 'ENODEV' });
      expect(failure(() => loaded.arena('arena'))).toMatchObject({ code: 'ENODEV' });
    }
  });

  it('is all that is mapped', () => {
    using remote = new RemoteKernel(path, line);
    const map = remote.bpf('BPF_MAP_CREATE', { ...array, map_flags: 0x400 });
    const arena = remote.bpf('BPF_MAP_CREATE', {
      ...array,
      map_type: 33,
      key_size: 0,
      value_size: 0,
      map_flags: 0x400,
    });
    const mmap = (fd: Fd, access: 'read' | 'read and write', offset?: number) => () =>
      remote.mmap(fd, 4096, access, offset);
    const calls = [
      mmap(map, 'read and write'),
      mmap(arena, 'read'),
      mmap(arena, 'read and write', 4096),
      mmap(999 as Fd, 'read and write'),
    ];
    for (const call of calls) expect(failure(call)).toMatchObject({ code: 'ENODEV' });
    const mapping = remote.mmap(arena, 4096, 'read and write');
    mapping.write(8, new Uint8Array(4088));
    expect(failure(() => mapping.write(9, new Uint8Array(4088)))).toMatchObject({ code: 'EFAULT' });
    expect(failure(() => remote.mmap(arena, 8192, 'read and write'))).toMatchObject({ code: 'E2BIG' });
    mapping[Symbol.dispose]();
    expect(mapping.bytes).toHaveLength(0);
    expect(failure(() => mapping.write(0, new Uint8Array(1)))).toMatchObject({ code: 'EFAULT' });
  });
});

describe.each(LINES)('a connection that is gone, of kind %s', (line) => {
  it('fails calls at once, and closing not at all', async () => {
    using remote = new RemoteKernel(path, line);
    const fd = remote.bpf('BPF_MAP_CREATE', array);
    server.kill('SIGKILL');
    await ended;
    for (let times = 0; times < 2; times++) {
      const start = Date.now();
      expect(failure(() => remote.readdir('/sys/fs/bpf'))).toMatchObject({ code: 'CONNECTION' });
      expect(Date.now() - start).toBeLessThan(20_000);
      remote.close(fd);
    }
  });

  it('fails what is waited for', async () => {
    using remote = new RemoteKernel(path, line);
    const fd = remote.open('/sys/kernel/tracing/trace_pipe', 0o4000);
    const waiting = remote.wait([fd]);
    const failed = expect(waiting).rejects.toMatchObject({ code: 'CONNECTION' });
    server.kill('SIGKILL');
    await failed;
    await expect(remote.wait([fd])).rejects.toMatchObject({ code: 'CONNECTION' });
  });

  it('fails what is waited for and watched when it is this end that closes', async () => {
    const remote = new RemoteKernel(path, line);
    const waiting = remote.wait([remote.open('/sys/kernel/tracing/trace_pipe', 0o4000)]);
    const watching = remote.watch({ log: true }).next();
    const failed = [waiting, watching].map((promise) => expect(promise).rejects.toMatchObject({ code: 'CONNECTION' }));
    remote.readdir('/sys/fs/bpf');
    remote[Symbol.dispose]();
    await Promise.all(failed);
  });
});

describe('a connection of a command', () => {
  it('ends `prog tracelog` with a sentence', async () => {
    const log = spawn(process.execPath, [join(root, 'bin/skep'), '--kernel', path, 'prog', 'tracelog'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    log.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const status = new Promise((resolve) => log.once('close', resolve));
    // It is there once it prints what a program says.
    let printed = false;
    log.stdout.once('data', () => {
      printed = true;
    });
    using remote = new RemoteKernel(path);
    using loaded = load(remote, openObject(objectBytes('examples/shared/shared.bpf.o')), { type: 'sched_cls' });
    while (!printed && log.exitCode === null) {
      loaded.program('print_ingress').run({ data: new Uint8Array(64) });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    server.kill('SIGTERM');
    expect(await status).toBe(7);
    expect(text.trim().split('\n')).toEqual([expect.stringContaining('is gone')]);
  });
});

describe('a server', () => {
  it('ends when told to, whatever its clients do', async () => {
    const idle = createConnection({ path, allowHalfOpen: true });
    idle.on('error', () => {});
    idle.pause();
    await new Promise((resolve) => idle.once('connect', resolve));
    new RemoteKernel(path).shutdown();
    expect(await ended).toBe(0);
    idle.destroy();
  });

  it('serves others while one has much to do, and drops what a dead client wanted', async () => {
    const busy = await connected();
    busy.write(
      encodeFrame([1, 'bpf', 'BPF_PROG_LOAD', { prog_type: 6, insns: SLOW, insn_cnt: SLOW.length / 8, license: '' }]),
    );
    const [, ok, prog_fd] = await reply(busy);
    expect(ok).toBe(true);
    const attr = { prog_fd, repeat: 100, data_in: new Uint8Array(64).fill(1), data_size_in: 64 };
    for (let id = 2; id < 2000; id++) busy.write(encodeFrame([id, 'bpf', 'BPF_PROG_TEST_RUN', attr]));
    await reply(busy);
    const start = Date.now();
    const other = await connected();
    other.write(encodeFrame([1, 'readdir', '/mnt']));
    expect(await reply(other)).toEqual([1, true, [], null]);
    expect(Date.now() - start).toBeLessThan(40_000);
    busy.destroy();
    // Its program goes when its connection does.
    let left = true;
    for (let id = 2; left && id < 100; id++) {
      other.write(encodeFrame([id, 'bpf', 'BPF_PROG_GET_NEXT_ID', { start_id: 0 }]));
      left = (await reply(other))[1] === true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(left).toBe(false);
    other.destroy();
  });

  it('gives up a run that is repeated for too long', () => {
    using remote = new RemoteKernel(path);
    const prog_fd = remote.bpf('BPF_PROG_LOAD', {
      prog_type: 6,
      insns: SLOW,
      insn_cnt: SLOW.length / 8,
      license: '',
    });
    const run = () =>
      remote.bpf('BPF_PROG_TEST_RUN', { prog_fd, repeat: 0xffff_ffff, data_in: new Uint8Array(64), data_size_in: 64 });
    expect(failure(run).code).toBe('EINTR');
  });

  it('does not keep more than some megabytes for a client that does not read', async () => {
    const greedy = await connected();
    greedy.pause();
    greedy.write(encodeFrame([1, 'bpf', 'BPF_MAP_CREATE', { ...array, value_size: 1 << 20 }]));
    const value = new Uint8Array(1 << 20).fill(1);
    greedy.write(
      encodeFrame([2, 'bpf', 'BPF_MAP_UPDATE_ELEM', { map_fd: 3, key: new Uint8Array(4), value, flags: 0n }]),
    );
    const lookup = { map_fd: 3, key: new Uint8Array(4), value: new Uint8Array(1 << 20) };
    for (let id = 3; id < 400; id++) greedy.write(encodeFrame([id, 'bpf', 'BPF_MAP_LOOKUP_ELEM', lookup]));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const other = await connected();
    other.write(encodeFrame([1, 'readdir', '/sys/fs/bpf']));
    await reply(other);
    expect(memoryOf(server.pid)).toBeLessThan(350);
    // Whoever reads after all gets everything.
    const frames = new FrameReader();
    let count = 0;
    greedy.on('data', (chunk) => {
      count += frames.push(chunk).length;
    });
    greedy.resume();
    for (let tries = 0; count < 399 && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(count).toBe(399);
    greedy.destroy();
    other.destroy();
  });
});

async function connected(): Promise<Socket> {
  const socket = createConnection(path);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** The first message of the next chunk. */
function reply(socket: Socket): Promise<readonly unknown[]> {
  return new Promise((resolve) =>
    socket.once('data', (chunk: Buffer) => resolve(decodeFrame(new FrameReader().push(chunk)[0] ?? chunk) ?? [])),
  );
}

function failure(call: () => unknown): BpfError {
  try {
    call();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error as BpfError; // of another build, and so of another class
    throw error;
  }
  throw new BpfError('TEST', 'it did not fail');
}

/** Resident megabytes. */
function memoryOf(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Instructions as [opcode, dst, offset, immediate]. */
function bytes(...insns: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(insns.length * 8));
  for (const [i, [opcode, dst, offset, immediate]] of insns.entries()) {
    view.setUint8(i * 8, opcode);
    view.setUint8(i * 8 + 1, dst);
    view.setInt16(i * 8 + 2, offset, true);
    view.setInt32(i * 8 + 4, immediate, true);
  }
  return new Uint8Array(view.buffer);
}
