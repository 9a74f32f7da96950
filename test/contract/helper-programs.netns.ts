import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipBefore } from '../support/since.ts';
import { helperPrograms } from './helper-programs.ts';

describe('helpers on linux', () => {
  beforeEach((context) => skipBefore(context, '6.18', 'helpers, formats and answers as they are since then'));
  helperPrograms(createLinuxKernel());
});
