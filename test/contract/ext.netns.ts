import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { extensionPrograms, hasExtensions } from './ext.ts';
import { skipNotAsked } from './since.ts';

describe('programs in the place of functions, on linux', () => {
  const kernel = createLinuxKernel();
  const has = hasExtensions(kernel);
  beforeEach((context) => {
    skipNotAsked('programs in the place of functions')(context);
    context.skip(!has, 'the running kernel lets nobody load programs in the place of functions');
  });
  extensionPrograms(kernel);
});
