import { describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { packetHelpers } from './packet-helpers.ts';

describe('helpers for packets on linux', () => packetHelpers(createLinuxKernel()));
