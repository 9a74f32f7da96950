import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { kernelViews } from './kernel-views.ts';
import { skipNotAsked } from './since.ts';

describe('structs of the kernel, on linux', () => {
  beforeEach(skipNotAsked('structs of the kernel'));
  kernelViews(createLinuxKernel());
});
