import { mkdirSync, rmdirSync } from 'node:fs';
import { afterAll, beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { findCgroups } from '../../src/loader/cgroups.ts';
import { addDevice, setQdisc } from '../../src/loader/index.ts';
import { actionsMissing } from '../support/actions.ts';
import { skipBefore } from '../support/since.ts';
import { deviceHooks, linuxHooks, undoTests } from './undo.ts';

const kernel = createLinuxKernel();
const CGROUP = `${findCgroups(kernel)}/skep-undo-${process.pid}`;
addDevice(kernel, { kind: 'veth', name: 'd0', peer: 'd1' });
setQdisc(kernel, 'd0');
mkdirSync(CGROUP);
afterAll(() => rmdirSync(CGROUP));

describe('after a load that fails', () => {
  for (const hook of [...deviceHooks(kernel), ...linuxHooks(kernel, CGROUP)]) {
    describe(hook.name, () => {
      beforeEach((context) => {
        if (hook.since !== undefined) skipBefore(context, hook.since, `programs of ${hook.name} can be listed`);
        const missing = hook.name === 'an action' ? actionsMissing(kernel) : undefined;
        if (missing !== undefined) context.skip(missing);
      });
      undoTests(kernel, hook);
    });
  }
});
