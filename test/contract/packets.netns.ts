import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { actionsMissing } from '../support/actions.ts';
import { actionScenarios, mirredScenarios, PacketBench, scenarios } from './packets.ts';

/** What is seen where the kernel does not let a packet go round before it drops it: the second is Linux 7.3. */
const LOOP_FOUND: Readonly<Record<string, readonly string[]>> = {
  'a copy to itself, and so on': ['11ff', '1f'],
  'a redirect to itself, and so on': ['11', '1'],
};

describe('packets on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const bench = new PacketBench(kernel, createLinuxPacketLab(kernel));
  it.each(scenarios)('%s (%s)', (_name, direction, filters, want) => {
    expect(bench.run(direction, filters)).toBe(want);
  });

  const missing = actionsMissing(kernel);
  const noMirred = actionsMissing(kernel, ['mirred']);
  it.for(mirredScenarios)('%s (%s)', ([name, direction, filters, want], { skip }) => {
    if (noMirred !== undefined) skip(noMirred);
    const seen = bench.run(direction, filters);
    if (LOOP_FOUND[name]?.includes(seen))
      skip('this kernel takes a copy to the device itself for a loop at once, and drops it');
    expect(seen).toBe(want);
  });
  it.for(actionScenarios)('%s (%s)', ([_name, direction, filters, want], { skip }) => {
    if (missing !== undefined) skip(missing);
    expect(bench.run(direction, filters)).toBe(want);
  });
});
