import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { SocketBench, socketRows } from './sockets.ts';

describe('sockets on linux', () => {
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const sockets = new SocketBench(bench);
  afterEach(() => sockets.end());
  it.for(socketRows)('%s', ([_name, run, want]) => {
    expect(run(sockets)).toEqual(want);
  });
});
