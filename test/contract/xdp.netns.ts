import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { outcome } from './session.ts';
import { notAsked } from './since.ts';
import { XdpBench, xdpAttachRows, xdpScenarios } from './xdp.ts';

describe('XDP on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const bench = new XdpBench(kernel, createLinuxPacketLab(kernel));
  it.for(xdpScenarios)('%s', ([name, steps, want], { skip }) => {
    const reason = notAsked(`xdp: ${name}`);
    if (reason !== undefined) skip(reason);
    expect(bench.run(steps)).toBe(want);
  });
  it.each(xdpAttachRows)('%s', (_name, run, want) => expect(outcome(() => run(bench))).toEqual(want));
});
