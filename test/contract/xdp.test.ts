import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { outcome } from './session.ts';
import { XdpBench, xdpAttachRows, xdpScenarios } from './xdp.ts';

// On Linux the same: xdp.netns.ts.
describe('XDP on embedded', () => {
  const { kernel, lab } = createEmbeddedKernel();
  const bench = new XdpBench(kernel, lab);
  it.each(xdpScenarios)('%s', (_name, steps, want) => expect(bench.run(steps)).toBe(want));
  it.each(xdpAttachRows)('%s', (_name, run, want) => expect(outcome(() => run(bench))).toEqual(want));
});
