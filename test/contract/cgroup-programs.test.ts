import { afterAll, describe, it } from 'vitest';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { CgroupBench, cgroupProgramRows, expectRow } from './cgroup-programs.ts';
import { cgroupStorageRows, expectStorageRow } from './cgroup-storage.ts';
import { expectHelperRow, socketHelperRows } from './socket-helpers.ts';
import { expectOptionRow, socketOptionRows } from './socket-options.ts';

describe('programs of cgroups on embedded', () => {
  const net = createEmbeddedNetBench();
  afterAll(() => net[Symbol.dispose]());
  const process = net.kernel('a');
  const { cgroups } = net.lab;
  net.lab.namespace('a').setUp('lo');
  const bench = new CgroupBench(net, {
    enter: (path) => cgroups.move(process, path),
    open(device) {
      const minor = device === 'zero' ? 5 : 3;
      const accesses = device === 'zero' ? (['read'] as const) : (['read', 'write'] as const);
      cgroups.useDevice(process, { kind: 'char', major: 1, minor }, ...accesses);
    },
    mknod: (device) =>
      cgroups.useDevice(process, { kind: 'char', major: 1, minor: device === 'zero' ? 5 : 3 }, 'mknod'),
    readSysctl: (name) => cgroups.readSysctl(process, name),
    writeSysctl: (name, text) => cgroups.writeSysctl(process, name, text),
  });
  it.for(cgroupProgramRows)('%s', (row) => expectRow(bench, row));
  describe('values of cgroups', () => {
    it.for(cgroupStorageRows)('%s', (row) => expectStorageRow(bench, row));
  });
  describe('what programs ask of sockets', () => {
    it.for(socketHelperRows)('%s', (row) => expectHelperRow(bench, row));
    it.for(socketOptionRows)('option %s', (row) => expectOptionRow(bench, row));
  });
});
