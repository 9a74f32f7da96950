import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { kernelViews } from './kernel-views.ts';

// On Linux the same: kernel-views.netns.ts.
describe('structs of the kernel, on embedded', () => kernelViews(createEmbeddedKernel().kernel));
