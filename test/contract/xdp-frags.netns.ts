import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipNotAsked } from './since.ts';
import { xdpFragments } from './xdp-frags.ts';

describe('XDP frames in fragments, on linux', () => {
  beforeEach(skipNotAsked('XDP frames in fragments'));
  xdpFragments(createLinuxKernel());
});
