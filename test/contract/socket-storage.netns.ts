import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { skipNotAsked } from './since.ts';
import { ProgramBench } from './socket-programs.ts';
import { socketStorageRows } from './socket-storage.ts';

describe('values of sockets on linux', () => {
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const programs = new ProgramBench(bench);
  afterEach(() => programs.end());
  beforeEach(skipNotAsked('values of sockets'));
  it.for(socketStorageRows)('%s', ([_name, run, want]) => {
    expect(run(programs)).toEqual(want);
  });
});
