import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { SysError } from '../../src/errors.ts';
import { lsmCgroup } from './lsm-cgroup.ts';

const [AF_INET, SOCK_DGRAM] = [2, 2];

// On Linux the same: lsm-cgroup.netns.ts.
describe('hooks of LSM for cgroups, on embedded', () => {
  const { kernel, lab } = createEmbeddedKernel();
  lsmCgroup({
    kernel,
    enter: (path) => lab.cgroups.move(kernel, path),
    createSocket() {
      const { result = 0n } = lab.trace.call('bpf_lsm_socket_create', {
        args: [AF_INET, SOCK_DGRAM, 0, 0],
        process: kernel,
      });
      if (result !== 0n) throw new SysError(Number(-result), 'socket');
    },
  });
});
