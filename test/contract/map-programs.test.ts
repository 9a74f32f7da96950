import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { mapPrograms } from './map-programs.ts';

// On Linux the same: map-programs.netns.ts.
describe('programs and their maps on embedded', () => mapPrograms(createEmbeddedKernel().kernel));
