import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipNotAsked } from './since.ts';
import { systemHelpers } from './system-helpers.ts';

describe('helpers about the system, on linux', () => {
  beforeEach(skipNotAsked('helpers about the system'));
  systemHelpers(createLinuxKernel());
});
