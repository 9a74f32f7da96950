import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { cgroupContract } from './cgroup.ts';

const machine = createEmbeddedKernel();

describe('cgroups on embedded', () => cgroupContract(() => machine.openProcess()));
