import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipBefore } from '../support/since.ts';
import { mapPrograms } from './map-programs.ts';
import { notAsked } from './since.ts';

describe('programs and their maps on linux', () => {
  beforeEach((context) => skipBefore(context, '5.16', 'bloom filters'));
  mapPrograms(createLinuxKernel(), (name) => notAsked(`map programs: ${name}`));
});
