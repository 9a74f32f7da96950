import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { kfuncs } from './kfuncs.ts';

// On Linux the same: kfuncs.netns.ts.
describe('functions of the kernel, on embedded', () => kfuncs(createEmbeddedKernel().kernel));
