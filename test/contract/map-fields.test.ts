import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { mapFields } from './map-fields.ts';

// On Linux the same: map-fields.netns.ts.
describe('members of maps, on embedded', () => mapFields(createEmbeddedKernel().kernel));
