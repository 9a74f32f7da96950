import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipBefore } from '../support/since.ts';
import { cgroupContract } from './cgroup.ts';

describe('cgroups on linux', () => {
  beforeEach((context) => skipBefore(context, '6.17', 'places beside other programs of a cgroup'));
  cgroupContract(createLinuxKernel);
});
