import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { actionsMissing } from '../support/actions.ts';
import { SLOW } from '../support/slow.ts';
import { ActionBench, actionSteps } from './actions.ts';
import { said } from './rtnetlink.ts';
import { notAsked } from './since.ts';

/** The kernel takes a filter apart, and lets its actions go, some time after it has answered. */
function settle(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100 * SLOW);
}

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
