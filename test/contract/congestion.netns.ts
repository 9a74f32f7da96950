import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ownCongestionNames } from '../support/congestion-names.ts';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { congestionRows } from './congestion.ts';
import { skipNotAsked } from './since.ts';
import { SocketBench } from './sockets.ts';

describe('congestion controls on linux', () => {
  const bench = createLinuxNetBench();
  let own: Disposable | undefined;
  beforeAll(async () => {
    own = await ownCongestionNames();
  });
  afterAll(() => {
    bench[Symbol.dispose]();
    own?.[Symbol.dispose]();
  });
  beforeEach((context) => skipNotAsked('congestion controls')(context));
  const sockets = new SocketBench(bench);
  afterEach(() => sockets.end());
  it.for(congestionRows)('%s', ([_name, run, want]) => {
    expect(run(sockets)).toEqual(want);
  });
});
