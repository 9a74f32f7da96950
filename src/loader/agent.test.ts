import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { linuxWorks } from '../../test/support/linux.ts';
import { objectBytes } from '../../test/support/objects.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { createLinuxKernel } from '../engine/linux/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import { encodeAgentMessage } from './agent-message.ts';
import { type BpfMap, exportFds, importFds, load, openObject, openProgram } from './index.ts';

const shared = openObject(objectBytes('examples/shared/shared_none.bpf.o'), { file: 'shared.bpf.o' });
const directory = mkdtempSync(join(tmpdir(), 'skep-agent-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Two processes of one kernel, and a directory of both. */
type Pair = readonly [
  name: string,
  make: () => { readonly kernel: Kernel; readonly other: Kernel; readonly directory: string },
];
const pairs: Pair[] = [
  [
    'embedded',
    () => {
      const machine = createEmbeddedKernel();
      return { kernel: machine.kernel, other: machine.openProcess(), directory: '/tmp' };
    },
  ],
];
// One process is enough: what is received has fds of its own.
if (linuxWorks()) pairs.push(['linux', () => ({ kernel: createLinuxKernel(), other: createLinuxKernel(), directory })]);

describe.each(pairs)('handing over fds, %s', (_name, make) => {
  const { kernel, other, directory } = make();
  const path = `${directory}/agent`;
  const type = 'sched_cls';
  const openFds = () => kernel.readdir('/proc/self/fd').length + other.readdir('/proc/self/fd').length;

  it('gives the maps of an object to another process', async () => {
    using loaded = load(kernel, shared, { type });
    const map = loaded.map('map_sh');
    const importing = importFds(other, path);
    exportFds(kernel, path, { shared: map }, { ids: { shared: 9 }, object: { name: 'shared.bpf.o', ino: 3n } });
    using imported = await importing;
    expect(imported.object).toEqual({ name: 'shared.bpf.o', dev: 0n, ino: 3n });
    expect(imported.entries.map(({ id, name, handle }) => [id, name, handle.label])).toEqual([
      [9, 'shared', map.label],
    ]);
    const [got] = imported.maps;
    expect(got?.id).toBe(map.id);
    got?.set(0, 5);
    expect(map.get(0)).toEqual(Uint8Array.of(5, 0, 0, 0));
    // The path is gone.
    expect(() => kernel.lstat(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('gives programs too', async () => {
    using loaded = load(kernel, shared, { type });
    const [program] = Object.values(loaded.programs);
    if (program === undefined) throw new Error('the object has a program');
    const importing = importFds(other, path);
    exportFds(kernel, path, { map: loaded.map('map_sh'), program });
    using imported = await importing;
    expect(imported.entries.map(({ name, handle }) => [name, handle.label])).toEqual([
      ['map', loaded.map('map_sh').label],
      ['program', program.label],
    ]);
    expect(imported.maps).toHaveLength(1);
    using again = openProgram(other, { id: program.id });
    expect(imported.entries[1]?.handle.label).toBe(again.label);
  });

  it('waits until aborted, and leaves nothing', async () => {
    const before = openFds();
    await expect(importFds(other, path, { signal: AbortSignal.timeout(20) })).rejects.toThrow('timeout');
    expect(() => kernel.lstat(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    await expect(importFds(other, path, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    expect(openFds()).toBe(before);
  });

  it('needs somebody who waits, and a path that is free', async () => {
    using loaded = load(kernel, shared, { type });
    const exporting = () => exportFds(kernel, path, { shared: loaded.map('map_sh') });
    expect(exporting).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    const controller = new AbortController();
    const first = importFds(other, path, { signal: controller.signal });
    await expect(importFds(other, path)).rejects.toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    controller.abort();
    await expect(first).rejects.toThrow('aborted');
  });

  it('drops what comes from others', async () => {
    using loaded = load(kernel, shared, { type });
    const before = openFds();
    const importing = importFds(other, path, { uids: [12345], signal: AbortSignal.timeout(50) });
    exportFds(kernel, path, { shared: loaded.map('map_sh') });
    await expect(importing).rejects.toThrow('timeout');
    expect(openFds()).toBe(before);
  });

  it.each<[string, (map: BpfMap) => { data: Uint8Array; fds: BpfMap['fd'][] }, string]>([
    ['makes no sense', ({ fd }) => ({ data: new Uint8Array(3), fds: [fd] }), 'it is 3 bytes long'],
    [
      'has fewer fds than it says',
      ({ fd }) => ({ data: message(2), fds: [fd] }),
      'it says that it has 2 fds, and has 1',
    ],
    ['has no fds', () => ({ data: message(1), fds: [] }), 'it says that it has 1 fds, and has 0'],
    ['is of another version', ({ fd }) => ({ data: message(1).fill(7, 0, 1), fds: [fd] }), 'version 7'],
  ])('refuses a message that %s, and keeps no fd of it', async (_name, wrong, why) => {
    using loaded = load(kernel, shared, { type });
    const before = openFds();
    const importing = importFds(other, path);
    const { data, fds } = wrong(loaded.map('map_sh'));
    kernel.sendFds(path, data, fds);
    await expect(importing).rejects.toThrow(why);
    expect(openFds()).toBe(before);
  });

  it('refuses fds of something else', async () => {
    using loaded = load(kernel, shared, { type });
    const before = openFds();
    const importing = importFds(other, path);
    const file = kernel.open('/proc/version', 0);
    kernel.sendFds(path, message(2), [loaded.map('map_sh').fd, file]);
    kernel.close(file);
    await expect(importing).rejects.toThrow('one of its fds is no map, program or link');
    expect(openFds()).toBe(before);
  });

  it('takes 1 to 64', async () => {
    using loaded = load(kernel, shared, { type });
    const map = loaded.map('map_sh');
    const many = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`m${i}`, map]));
    for (const n of [0, 65]) expect(() => exportFds(kernel, path, many(n))).toThrow(`1 to 64 fds, not ${n}`);
    const importing = importFds(other, path);
    exportFds(kernel, path, many(64));
    using imported = await importing;
    expect(imported.maps.map(({ id }) => id)).toEqual(Array(64).fill(map.id));
    expect(new Set(imported.maps.map(({ fd }) => fd)).size).toBe(64);
  });
});

function message(count: number): Uint8Array {
  const entries = Array.from({ length: count }, () => ({ id: 0, name: '', map: undefined }));
  return encodeAgentMessage({ object: { name: '', dev: 0n, ino: 0n }, entries });
}
