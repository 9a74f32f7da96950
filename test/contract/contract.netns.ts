import { describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { tooOld } from './since.ts';
import { contract } from './suite.ts';

describe('linux', () => contract(() => createLinuxKernel(), tooOld));
