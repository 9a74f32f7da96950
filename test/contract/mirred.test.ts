import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { ActionBench } from './actions.ts';
import { mirredSteps } from './mirred.ts';
import { said } from './rtnetlink.ts';

// On Linux the same steps are made in a network namespace: mirred.netns.ts.
describe('actions of kind mirred on embedded', () => {
  const bench = new ActionBench(createEmbeddedKernel().kernel);
  it.each(mirredSteps)('%s', (_name, step, want) => {
    expect(said(() => step(bench))).toEqual(want);
  });
});
