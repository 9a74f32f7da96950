import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipNotAsked } from './since.ts';
import { valuePrograms } from './value-programs.ts';

describe('what is in values, on linux', () => {
  beforeEach(skipNotAsked('what is in values'));
  valuePrograms(createLinuxKernel());
});
