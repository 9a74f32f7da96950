import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { changedFrames, packetHelpers } from './packet-helpers.ts';

// On Linux the same: packet-helpers.netns.ts.
describe('helpers for packets on embedded', () => {
  const { kernel, lab } = createEmbeddedKernel();
  packetHelpers(kernel);
  changedFrames(kernel, lab);
});
