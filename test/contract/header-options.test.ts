import { afterAll, describe, expect, it } from 'vitest';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { asking, expectHeaderRow, headerOptionRows, OptionBench, reserving, WRITE } from './header-options.ts';

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
});
