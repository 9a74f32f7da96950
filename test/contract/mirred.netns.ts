import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { actionsMissing, settle } from '../support/actions.ts';
import { ActionBench } from './actions.ts';
import { mirredSteps } from './mirred.ts';
import { said } from './rtnetlink.ts';
import { notAsked } from './since.ts';

describe('actions of kind mirred on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const missing = actionsMissing(kernel, ['mirred']);
  const bench = new ActionBench(kernel, settle);
  it.for(mirredSteps)('%s', ([name, step, want], { skip }) => {
    if (missing !== undefined) skip(missing);
    const answer = said(() => step(bench));
    const reason = notAsked(`mirred: ${name}`);
    if (reason !== undefined) skip(reason);
    expect(answer).toEqual(want);
  });
});
