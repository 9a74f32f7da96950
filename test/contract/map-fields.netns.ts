import { describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { mapFields } from './map-fields.ts';

describe('members of maps, on linux', () => mapFields(createLinuxKernel()));
