import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { outcome } from './session.ts';
import { XdpBench, xdpAttachRows, xdpScenarios } from './xdp.ts';
import { sentTogether, TOGETHER } from './xdp-together.ts';

// On Linux the same: xdp.netns.ts.
describe('XDP on embedded', () => {
  const { kernel, lab } = createEmbeddedKernel();
  const bench = new XdpBench(kernel, lab);
  it.each(xdpScenarios)('%s', (_name, steps, want) => expect(bench.run(steps)).toBe(want));
  it('counts all frames that are sent together', () => expect(sentTogether(bench, lab)).toEqual(TOGETHER));
  it.each(xdpAttachRows)('%s', (_name, run, want) => expect(outcome(() => run(bench))).toEqual(want));
});

describe('XDP on embedded, of two frames that arrive together', () => {
  const { kernel, lab } = createEmbeddedKernel();
  const twice = (frame: Uint8Array) => lab.sendAll('x1', 'ingress', [frame, frame]);
  const bench = new XdpBench(kernel, { ...lab, send: (_device, _direction, frame) => twice(frame) });
  it.each(xdpScenarios)('%s', (_name, steps, want) => {
    const met = want.split(' ').flatMap((name) => [name, name]);
    expect(bench.run(steps)).toBe(met.join(' '));
  });
});
