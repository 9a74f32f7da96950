import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { NetfilterBench, netfilterCalls, netfilterRows } from './netfilter.ts';
import { outcome, Session } from './session.ts';
import { skipNotAsked } from './since.ts';

describe('netfilter on linux', () => {
  beforeEach(skipNotAsked('netfilter'));
  const bench = createLinuxNetBench();
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
