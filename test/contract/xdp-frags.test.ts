import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { xdpFragments } from './xdp-frags.ts';

// On Linux the same: xdp-frags.netns.ts.
describe('XDP frames in fragments, on embedded', () => xdpFragments(createEmbeddedKernel().kernel));
