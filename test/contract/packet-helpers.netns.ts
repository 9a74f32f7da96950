import { beforeEach, describe } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { skipBefore } from '../support/since.ts';
import { changedFrames, packetHelpers } from './packet-helpers.ts';

const kernel = createLinuxKernel();

describe('helpers for packets on linux', () => {
  beforeEach((context) => skipBefore(context, '6.18', 'helpers and answers as they are since then'));
  packetHelpers(kernel);
  describe('across a pair', () => changedFrames(kernel, createLinuxPacketLab(kernel)));
});
