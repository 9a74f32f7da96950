import { afterAll, describe, expect, it } from 'vitest';
import { encodeLink } from '../../src/net/index.ts';
import { RTM_NEWLINK } from '../../src/uapi/netlink.ts';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import {
  asking,
  expectHeaderRow,
  headerOptionRows,
  OptionBench,
  RETRANS,
  RTO,
  RTT,
  reserving,
  WRITE,
} from './header-options.ts';
import { ask } from './net-bench.ts';

describe('options of TCP headers on embedded', () => {
  const net = createEmbeddedNetBench();
  const bench = new OptionBench(net, (path) => {
    for (const side of ['a', 'b'] as const) net.lab.cgroups.move(net.kernel(side), path);
  });
  afterAll(() => {
    bench[Symbol.dispose]();
    net[Symbol.dispose]();
  });
  it.for(headerOptionRows)('%s', (row) => expectHeaderRow(bench, row));

  // On Linux the device cuts them, where nobody sees it.
  it('segments leave room for options', () => {
    const { answer } = bench.run({ steps: [...asking(WRITE, 0), reserving('client', 28)] }, () => {
      const [client] = bench.ends();
      const captured = net.capture('b', 'v1');
      client.send(new Uint8Array(5000));
      return captured().map(({ length }) => length);
    });
    expect(answer).toEqual([1514, 1514, 1514, 14 + 20 + 60 + 740]);
  });

  // Linux asks first, after a time that depends on how long answers take, whether anything of it has arrived.
  it('data that is lost is sent again', () => {
    const watched = ['rto', 'retrans', 'rtt'] as const;
    const { client } = bench.run({ steps: asking(RTO | RETRANS | RTT, 0), watched }, () => {
      const [client, server] = bench.ends();
      const link = (flags: number) => encodeLink({ ifindex: 0, name: 'v1', flags, change: 1 });
      ask(net, 'b', RTM_NEWLINK, 0, link(0));
      client.send(new Uint8Array(2000));
      net.lab.clock.advance(500_000_000n);
      ask(net, 'b', RTM_NEWLINK, 0, link(1));
      net.lab.clock.advance(1_000_000_000n);
      expect(server.receive()?.data.length).toBe(2000);
    });
    const again = ['retrans 1 0', 'retrans 1 0'];
    expect(client).toEqual(['rtt 2 0 0', 'rto 0 50 0', ...again, 'rto 1 100 0', ...again, 'rtt 1 0 0']);
  });
});
