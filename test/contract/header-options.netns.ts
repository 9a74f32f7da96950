import { writeFileSync } from 'node:fs';
import { afterAll, beforeEach, describe, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { expectHeaderRow, headerOptionRows, OptionBench } from './header-options.ts';
import { skipNotAsked } from './since.ts';

describe('options of TCP headers on linux', () => {
  beforeEach(skipNotAsked('options of TCP headers'));
  const net = createLinuxNetBench();
  const bench = new OptionBench(net, (path) => writeFileSync(`${path}/cgroup.procs`, String(process.pid)));
  afterAll(() => {
    bench[Symbol.dispose]();
    net[Symbol.dispose]();
  });
  it.for(headerOptionRows)('%s', (row) => expectHeaderRow(bench, row));
});
