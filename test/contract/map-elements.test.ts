import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { mapElements } from './map-elements.ts';

// On Linux the same: map-elements.netns.ts.
describe('elements of maps, on embedded', () => mapElements(createEmbeddedKernel().kernel));
