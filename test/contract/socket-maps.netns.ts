import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { socketMapRows } from './socket-maps.ts';
import { ProgramBench } from './socket-programs.ts';

describe('programs of maps of sockets on linux', () => {
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const programs = new ProgramBench(bench);
  afterEach(() => programs.end());
  it.for(socketMapRows)('%s', ([_name, run, want]) => {
    expect(run(programs)).toEqual(want);
  });
});
