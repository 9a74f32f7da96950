import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { packetRows, Wire } from './inet-packets.ts';

describe('what the IP stack makes of frames on linux', () => {
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const wire = new Wire(bench);
  it.for(packetRows)('%s', ([_name, frames, want, forwarding]) => {
    expect(wire.run(frames, forwarding === true)).toEqual(want);
  });
});
