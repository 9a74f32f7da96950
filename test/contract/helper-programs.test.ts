import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { helperPrograms } from './helper-programs.ts';

// On Linux the same: helper-programs.netns.ts.
describe('helpers on embedded', () => helperPrograms(createEmbeddedKernel().kernel));
