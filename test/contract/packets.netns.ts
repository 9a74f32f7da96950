import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { actionsMissing } from '../support/actions.ts';
import { actionScenarios, mirredScenarios, PacketBench, scenarios } from './packets.ts';

describe('packets on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const bench = new PacketBench(kernel, createLinuxPacketLab(kernel));
  it.each(scenarios)('%s (%s)', (_name, direction, filters, want) => {
    expect(bench.run(direction, filters)).toBe(want);
  });

  const missing = actionsMissing(kernel);
  const noMirred = actionsMissing(kernel, ['mirred']);
  it.for(mirredScenarios)('%s (%s)', ([_name, direction, filters, want], { skip }) => {
    if (noMirred !== undefined) skip(noMirred);
    expect(bench.run(direction, filters)).toBe(want);
  });
  it.for(actionScenarios)('%s (%s)', ([_name, direction, filters, want], { skip }) => {
    if (missing !== undefined) skip(missing);
    expect(bench.run(direction, filters)).toBe(want);
  });
});
