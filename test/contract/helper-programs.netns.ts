import { describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { helperPrograms } from './helper-programs.ts';

describe('helpers on linux', () => helperPrograms(createLinuxKernel()));
