import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, it } from 'vitest';
import { SysError } from '../../src/errors.ts';
import { errno } from '../../src/uapi/errno.ts';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { skipBefore } from '../support/since.ts';
import { CgroupBench, cgroupProgramRows, expectRow } from './cgroup-programs.ts';
import { cgroupStorageRows, expectStorageRow } from './cgroup-storage.ts';
import { setUp } from './inet-packets.ts';
import { skipNotAsked } from './since.ts';
import { expectHelperRow, socketHelperRows } from './socket-helpers.ts';
import { expectOptionRow, socketOptionRows } from './socket-options.ts';

/** A SysError for what node says that the kernel refused. */
function call<T>(syscall: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const known = Object.entries(errno).find(([name]) => name === code)?.[1];
    throw known === undefined ? error : new SysError(known, syscall);
  }
}

function withFile<T>(path: string, flags: string, use: (fd: number) => T): T {
  return call('open', () => {
    const fd = openSync(path, flags);
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/** By a process of its own, which is in the same cgroup. */
function makeNode(device: 'zero' | 'null'): void {
  const folder = mkdtempSync(join(tmpdir(), 'skep-node-'));
  const words = [join(folder, device), 'c', '1', device === 'zero' ? '5' : '3'];
  const { status, stderr } = spawnSync('mknod', words, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  rmSync(folder, { recursive: true });
  if (stderr.includes('Operation not permitted')) throw new SysError(errno.EPERM, 'mknod');
  if (status !== 0) throw new Error(`mknod: ${stderr}`);
}

describe('programs of cgroups on linux', () => {
  beforeEach((context) => skipBefore(context, '6.17', 'answers as they are since then'));
  const net = createLinuxNetBench();
  afterAll(() => net[Symbol.dispose]());
  setUp(net, 'a', 'lo');
  const bench = new CgroupBench(net, {
    enter: (path) => writeFileSync(`${path}/cgroup.procs`, String(process.pid)),
    open: (device) => withFile(`/dev/${device}`, device === 'zero' ? 'r' : 'r+', () => undefined),
    mknod: makeNode,
    readSysctl: (name) =>
      withFile(`/proc/sys/${name}`, 'r', (fd) => {
        const buffer = new Uint8Array(4096);
        return new TextDecoder().decode(buffer.subarray(0, readSync(fd, buffer)));
      }),
    writeSysctl: (name, text) => withFile(`/proc/sys/${name}`, 'r+', (fd) => void writeSync(fd, text)),
  });
  it.for(cgroupProgramRows)('%s', (row) => expectRow(bench, row));
  describe('values of cgroups', () => {
    beforeEach(skipNotAsked('values of cgroups'));
    it.for(cgroupStorageRows)('%s', (row) => expectStorageRow(bench, row));
  });
  describe('what programs ask of sockets', () => {
    beforeEach(skipNotAsked('what programs ask of sockets'));
    it.for(socketHelperRows)('%s', (row) => expectHelperRow(bench, row));
    it.for(socketOptionRows)('option %s', (row) => expectOptionRow(bench, row));
  });
});
