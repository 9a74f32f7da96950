import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { skipBefore } from '../support/since.ts';
import { socketMapRows } from './socket-maps.ts';
import { ProgramBench } from './socket-programs.ts';

describe('programs of maps of sockets on linux', () => {
  // Linux 5.10 does not come back from what a parser does to the stream.
  beforeEach((context) => skipBefore(context, '6.12', 'answers as they are since then'));
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const programs = new ProgramBench(bench);
  afterEach(() => programs.end());
  it.for(socketMapRows)('%s', ([_name, run, want]) => {
    expect(run(programs)).toEqual(want);
  });
});
