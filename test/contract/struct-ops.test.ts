import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { structOps } from './struct-ops.ts';

// On Linux the same: struct-ops.netns.ts.
describe('structs of functions, on embedded', () => {
  const { kernel, lab } = createEmbeddedKernel();
  structOps(kernel, () => lab.congestionControls);
});
