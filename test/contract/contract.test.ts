import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { contract } from './suite.ts';

const machine = createEmbeddedKernel();

describe('embedded', () => contract(() => machine.openProcess()));
