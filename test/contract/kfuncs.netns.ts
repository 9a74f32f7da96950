import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { kfuncs } from './kfuncs.ts';
import { skipNotAsked } from './since.ts';

describe('functions of the kernel, on linux', () => {
  beforeEach(skipNotAsked('functions of the kernel'));
  kfuncs(createLinuxKernel());
});
