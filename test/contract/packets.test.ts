import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { actionScenarios, mirredScenarios, PacketBench, scenarios } from './packets.ts';

// On Linux the same scenarios run in a network namespace: packets.netns.ts.
describe('packets on embedded', () => {
  const { kernel, lab } = createEmbeddedKernel();
  const bench = new PacketBench(kernel, lab);
  it.each([...scenarios, ...actionScenarios, ...mirredScenarios])('%s (%s)', (_name, direction, filters, want) => {
    expect(bench.run(direction, filters)).toBe(want);
  });
});
