import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { packetHelpers } from './packet-helpers.ts';

// On Linux the same: packet-helpers.netns.ts.
describe('helpers for packets on embedded', () => packetHelpers(createEmbeddedKernel().kernel));
