import { beforeEach, describe } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { skipBefore } from '../support/since.ts';
import { changedFrames, packetHelpers } from './packet-helpers.ts';

const kernel = createLinuxKernel();

describe('helpers for packets on linux', () => {
  packetHelpers(kernel);
  describe('across a pair', () => {
    beforeEach((context) => skipBefore(context, '6.6', 'links of tcx'));
    changedFrames(kernel, createLinuxPacketLab(kernel));
  });
});
