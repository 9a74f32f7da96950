import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { kernelVariables } from './kernel-variables.ts';
import { skipNotAsked } from './since.ts';

describe('variables of the kernel, on linux', () => {
  beforeEach(skipNotAsked('variables of the kernel'));
  kernelVariables(createLinuxKernel());
});
