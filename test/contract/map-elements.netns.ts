import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { hasIterators, mapElements } from './map-elements.ts';
import { skipNotAsked } from './since.ts';

describe('elements of maps, on linux', () => {
  const kernel = createLinuxKernel();
  const has = hasIterators(kernel);
  beforeEach((context) => {
    skipNotAsked('elements of maps')(context);
    context.skip(!has, 'the running kernel does not permit programs of type tracing');
  });
  mapElements(kernel);
});
