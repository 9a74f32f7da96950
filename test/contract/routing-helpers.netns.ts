import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { lookupRows, RoutingBench, redirectRows } from './routing-helpers.ts';

describe('helpers that know the network on linux', () => {
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const routing = new RoutingBench(bench);
  it.for(lookupRows)('bpf_fib_lookup: %s', ([_name, asked, want, forwarding]) => {
    expect(routing.lookup(asked, forwarding !== false)).toBe(want);
  });
  it('bpf_fib_lookup of XDP programs: a length that does not fit, and one that does', () => {
    const answers = [1501, 1500].map((length) => routing.lookup({ to: '10.1.0.9', length }, true, 'xdp'));
    expect(answers).toEqual([
      '8 v1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 0.0.0.0.0.0.0.0.0.0.0.0',
      '0 w1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.9',
    ]);
  });
  it.for(redirectRows)('redirect: %s', ([_name, run, want]) => {
    expect(run(routing)).toEqual(want);
  });
});
