import { afterAll, beforeEach, describe } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { setUp } from './inet-packets.ts';
import { LENGTH, packetOutput } from './packet-output.ts';
import { skipNotAsked } from './since.ts';

/** Bytes of the headers of IPv4 and UDP. */
const HEADERS = 28;

describe('bytes of packets in events, on linux', () => {
  beforeEach(skipNotAsked('bytes of packets in events'));
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  setUp(bench, 'a', 'lo');
  packetOutput(bench.kernel('a'), () => {
    const socket = bench.socket('a', 'udp');
    socket.send(new Uint8Array(LENGTH - HEADERS), { address: '127.0.0.1', port: 9 });
    socket.close();
  });
});
