import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { valuePrograms } from './value-programs.ts';

// On Linux the same: value-programs.netns.ts.
describe('what is in values, on embedded', () => valuePrograms(createEmbeddedKernel().kernel));
