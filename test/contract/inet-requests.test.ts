import { afterAll, describe, expect, it } from 'vitest';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { inetSteps, Requests } from './inet-requests.ts';
import { said } from './net-bench.ts';

// On Linux the same steps are made in namespaces of the test's own: inet-requests.netns.ts.
describe('namespaces, addresses, routes and neighbours on embedded', () => {
  const bench = createEmbeddedNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const requests = new Requests(bench);
  it.each(inetSteps)('%s', (_name, step, want) => {
    expect(said(() => step(requests))).toEqual(want);
  });
});
