import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { kernelObjects } from './kobjects.ts';
import { skipNotAsked } from './since.ts';

describe('objects of programs, on linux', () => {
  beforeEach(skipNotAsked('objects of programs'));
  kernelObjects(createLinuxKernel());
});
