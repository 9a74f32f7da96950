import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { Pair, rtnetlinkSteps, said } from './rtnetlink.ts';
import { notAsked } from './since.ts';

describe('rtnetlink on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const pair = new Pair(kernel);
  it.for(rtnetlinkSteps)('%s', ([name, step, want], context) => {
    const answer = said(() => step(pair));
    const reason = notAsked(`rtnetlink: ${name}`);
    if (reason !== undefined) context.skip(reason);
    expect(answer).toEqual(want);
  });
});
