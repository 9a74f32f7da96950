import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { moreKfuncs } from './more-kfuncs.ts';
import { skipNotAsked } from './since.ts';

describe('more functions of the kernel, on linux', () => {
  beforeEach(skipNotAsked('more functions of the kernel'));
  moreKfuncs(createLinuxKernel());
});
