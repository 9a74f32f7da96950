import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { actionsMissing, settle } from '../support/actions.ts';
import { ActionBench, actionSteps } from './actions.ts';
import { said } from './rtnetlink.ts';
import { notAsked } from './since.ts';

describe('actions, chains and shared blocks on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const missing = actionsMissing(kernel);
  const bench = new ActionBench(kernel, settle);
  it.for(actionSteps)('%s', ([name, step, want], { skip }) => {
    if (missing !== undefined) skip(missing);
    const answer = said(() => step(bench));
    const reason = notAsked(`actions: ${name}`);
    if (reason !== undefined) skip(reason);
    expect(answer).toEqual(want);
  });
});
