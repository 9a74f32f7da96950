import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { Pair, rtnetlinkSteps, said } from './rtnetlink.ts';

describe('rtnetlink on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const pair = new Pair(kernel);
  it.each(rtnetlinkSteps)('%s', (_name, step, want) => {
    expect(said(() => step(pair))).toEqual(want);
  });
});
