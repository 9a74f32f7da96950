import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { ProgramBench } from './socket-programs.ts';
import { socketStorageRows } from './socket-storage.ts';

describe('values of sockets on embedded', () => {
  const bench = createEmbeddedNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const programs = new ProgramBench(bench);
  afterEach(() => programs.end());
  it.for(socketStorageRows)('%s', ([_name, run, want]) => {
    expect(run(programs)).toEqual(want);
  });
});
