import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { typedPrograms } from './typed.ts';

// On Linux the same: typed.netns.ts.
describe('programs on functions, on embedded', () => typedPrograms(createEmbeddedKernel().kernel));
