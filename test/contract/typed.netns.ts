import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipNotAsked } from './since.ts';
import { hasFunctionPrograms, typedPrograms } from './typed.ts';

describe('programs on functions, on linux', () => {
  const kernel = createLinuxKernel();
  const has = hasFunctionPrograms(kernel);
  beforeEach((context) => {
    skipNotAsked('programs on functions')(context);
    context.skip(!has, 'the running kernel has no programs on its functions (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)');
  });
  typedPrograms(kernel);
});
