import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipBefore } from '../support/since.ts';
import { mapPrograms } from './map-programs.ts';

describe('programs and their maps on linux', () => {
  beforeEach((context) => skipBefore(context, '6.13', 'bloom filters, and tries that look at BPF_NOEXIST'));
  mapPrograms(createLinuxKernel());
});
