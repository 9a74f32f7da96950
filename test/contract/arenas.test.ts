import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { arenas } from './arenas.ts';

// On Linux the same: arenas.netns.ts.
describe('arenas, on embedded', () => arenas(createEmbeddedKernel().kernel));

describe('arenas, on embedded, interpreted', () => arenas(createEmbeddedKernel({ jit: 'off' }).kernel));
