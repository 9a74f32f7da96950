import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { ActionBench, actionSteps } from './actions.ts';
import { said } from './rtnetlink.ts';

// On Linux the same steps are made in a network namespace: actions.netns.ts.
describe('actions, chains and shared blocks on embedded', () => {
  const bench = new ActionBench(createEmbeddedKernel().kernel);
  it.each(actionSteps)('%s', (_name, step, want) => {
    expect(said(() => step(bench))).toEqual(want);
  });
});
