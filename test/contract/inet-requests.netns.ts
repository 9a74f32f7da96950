import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { inetSteps, Requests } from './inet-requests.ts';
import { said } from './net-bench.ts';

describe('namespaces, addresses, routes and neighbours on linux', () => {
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const requests = new Requests(bench);
  it.each(inetSteps)('%s', (_name, step, want) => {
    expect(said(() => step(requests))).toEqual(want);
  });
});
