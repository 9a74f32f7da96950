import { describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { notAsked } from './since.ts';
import { contract } from './suite.ts';

describe('linux', () => contract(() => createLinuxKernel(), notAsked));
