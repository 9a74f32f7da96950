import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { kernelObjects } from './kobjects.ts';

// On Linux the same: kobjects.netns.ts.
describe('objects of programs, on embedded', () => kernelObjects(createEmbeddedKernel().kernel));
