import { describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { mapPrograms } from './map-programs.ts';

describe('programs and their maps on linux', () => mapPrograms(createLinuxKernel()));
