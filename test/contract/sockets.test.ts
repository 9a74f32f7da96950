import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { SocketBench, socketRows } from './sockets.ts';

describe('sockets on embedded', () => {
  const bench = createEmbeddedNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const sockets = new SocketBench(bench);
  afterEach(() => sockets.end());
  it.for(socketRows)('%s', ([_name, run, want]) => {
    expect(run(sockets)).toEqual(want);
  });
});
