import { writeFileSync } from 'node:fs';
import { afterAll, beforeEach, describe } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { lsmCgroup } from './lsm-cgroup.ts';
import { skipNotAsked } from './since.ts';
import { hasFunctionPrograms } from './typed.ts';

describe('hooks of LSM for cgroups, on linux', () => {
  const net = createLinuxNetBench();
  const kernel = net.kernel('a');
  afterAll(() => net[Symbol.dispose]());
  const has = hasFunctionPrograms(kernel);
  beforeEach((context) => {
    skipNotAsked('hooks of LSM for cgroups')(context);
    context.skip(!has, 'the running kernel has no programs on its functions (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)');
  });
  lsmCgroup({
    kernel,
    enter: (path) => writeFileSync(`${path}/cgroup.procs`, String(process.pid)),
    createSocket: () => net.socket('a', 'udp').close(),
  });
});
