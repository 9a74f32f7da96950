import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../bytes/hex.ts';
import { TC_H_CLSACT_INGRESS } from '../uapi/netlink.ts';
import { type Chain, decodeChain, encodeChain } from './chain.ts';
import { splitMessages } from './message.ts';

describe('chains', () => {
  // As tc (iproute2 6.1) sends them.
  it.each<[command: string, message: string, want: Chain]>([
    [
      'tc chain add block 23 chain 5',
      '2c00000064000506d0080a6b0000000000000000ffffffff00000000170000000000000008000b0005000000',
      { ifindex: 0, parent: 0, block: 23, chain: 5 },
    ],
    [
      'tc chain show dev lo ingress',
      '2400000066000103d3080a6b00000000000000000100000000000000f2ffffff00000000',
      { ifindex: 1, parent: TC_H_CLSACT_INGRESS },
    ],
  ])('of %s', (_command, message, want) => {
    const [read] = splitMessages(fromHex(message) ?? new Uint8Array(0));
    if (read === undefined) throw new Error('no message in the test');
    expect(decodeChain(read.payload)).toEqual(want);
    expect(toHex(encodeChain(want))).toBe(toHex(read.payload));
  });

  it('may have a template', () => {
    const chain: Chain = { ifindex: 3, parent: 0xffff0000, chain: 0, kind: 'flower' };
    expect(decodeChain(encodeChain(chain))).toEqual(chain);
  });
});
