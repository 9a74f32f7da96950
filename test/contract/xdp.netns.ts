import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { outcome } from './session.ts';
import { notAsked } from './since.ts';
import { XdpBench, xdpAttachRows, xdpScenarios } from './xdp.ts';
import { sentTogether, TOGETHER } from './xdp-together.ts';

describe('XDP on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const lab = createLinuxPacketLab(kernel);
  const bench = new XdpBench(kernel, lab);
  it.for(xdpScenarios)('%s', ([name, steps, want], { skip }) => {
    const reason = notAsked(`xdp: ${name}`);
    if (reason !== undefined) skip(reason);
    expect(bench.run(steps)).toBe(want);
  });
  it('counts all frames that are sent together', () => expect(sentTogether(bench, lab)).toEqual(TOGETHER));
  it.each(xdpAttachRows)('%s', (_name, run, want) => expect(outcome(() => run(bench))).toEqual(want));
});
