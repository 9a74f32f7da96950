import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { Pair, rtnetlinkSteps, said } from './rtnetlink.ts';

// On Linux the same steps are made in a network namespace: rtnetlink.netns.ts.
describe('rtnetlink on embedded', () => {
  const pair = new Pair(createEmbeddedKernel().kernel);
  it.each(rtnetlinkSteps)('%s', (_name, step, want) => {
    expect(said(() => step(pair))).toEqual(want);
  });
});
