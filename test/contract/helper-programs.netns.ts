import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { helperPrograms } from './helper-programs.ts';
import { skipNotAsked } from './since.ts';

describe('helpers on linux', () => {
  beforeEach(skipNotAsked('helpers'));
  helperPrograms(createLinuxKernel());
});
