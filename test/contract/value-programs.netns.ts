import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipBefore } from '../support/since.ts';
import { valuePrograms } from './value-programs.ts';

describe('what is in values, on linux', () => {
  beforeEach((context) => skipBefore(context, '6.18', 'timers, and what updates do to them, as they are since then'));
  valuePrograms(createLinuxKernel());
});
