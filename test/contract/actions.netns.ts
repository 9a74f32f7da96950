import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { actionsMissing } from '../support/actions.ts';
import { ActionBench, actionSteps } from './actions.ts';
import { said } from './rtnetlink.ts';

/** The kernel takes a filter apart, and lets its actions go, some time after it has answered. */
function settle(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
}

describe('actions, chains and shared blocks on linux', () => {
  const kernel = createLinuxKernel();
  afterAll(() => kernel[Symbol.dispose]());
  const missing = actionsMissing(kernel);
  const bench = new ActionBench(kernel, settle);
  it.for(actionSteps)('%s', ([_name, step, want], { skip }) => {
    if (missing !== undefined) skip(missing);
    expect(said(() => step(bench))).toEqual(want);
  });
});
