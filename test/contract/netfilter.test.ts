import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { NetfilterBench, netfilterCalls, netfilterRows } from './netfilter.ts';
import { outcome, Session } from './session.ts';

describe('netfilter on embedded', () => {
  const bench = createEmbeddedNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const programs = new NetfilterBench(bench);
  afterEach(() => programs.end());
  it.for(netfilterRows)('%s', ([_name, run, want]) => {
    expect(run(programs)).toEqual(want);
  });
  it.for(netfilterCalls)('%s', ([_name, run, want]) => {
    using session = new Session(bench.kernel('b'));
    expect(outcome(() => run(session))).toEqual(want);
  });
});
