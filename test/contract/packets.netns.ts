import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { PacketBench, scenarios } from './packets.ts';

describe('packets on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const bench = new PacketBench(kernel, createLinuxPacketLab(kernel));
  it.each(scenarios)('%s (%s)', (_name, direction, filters, want) => {
    expect(bench.run(direction, filters)).toBe(want);
  });
});
