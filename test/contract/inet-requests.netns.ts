import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { inetSteps, Requests } from './inet-requests.ts';
import { said } from './net-bench.ts';
import { notAsked } from './since.ts';

describe('namespaces, addresses, routes and neighbours on linux', () => {
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const requests = new Requests(bench);
  it.for(inetSteps)('%s', ([name, step, want], context) => {
    const answer = said(() => step(requests)); // the next steps need it, whatever it says
    const reason = notAsked(`inet requests: ${name}`);
    if (reason !== undefined) context.skip(reason);
    expect(answer).toEqual(want);
  });
});
