import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../bytes/hex.ts';
import { BpfError } from '../errors.ts';
import { IFF_UP } from '../uapi/netlink.ts';
import { decodeLink, encodeLink, type Link } from './link.ts';
import { splitMessages } from './message.ts';

/** What ip (iproute2 6.1) sends. */
// biome-ignore format: one message a line
const WIRE = {
  // ip link add d0 type veth peer name d1
  addVeth: '54000000100005067fd3066b000000000000000000000000000000000000000007000300643000002c0012000800010076657468200002001c000100000000000000000000000000000000000700030064310000',
  // ip link set d0 up mtu 1400
  setUp: '28000000100005007fd3066b00000000000000000300000001000000010000000800040078050000',
} as const;

const empty: Link = { ifindex: 0, type: 0, flags: 0, change: 0 };

describe('links', () => {
  it.each<[keyof typeof WIRE, Link]>([
    ['addVeth', { ...empty, name: 'd0', kind: 'veth', peer: { ...empty, name: 'd1' } }],
    ['setUp', { ...empty, ifindex: 3, flags: IFF_UP, change: IFF_UP, mtu: 1400 }],
  ])('of %s are read', (message, want) => {
    const [read] = splitMessages(fromHex(WIRE[message]) ?? new Uint8Array(0));
    expect(read && decodeLink(read.payload)).toEqual(want);
  });

  it('are read back', () => {
    const link: Link = {
      ifindex: 7,
      type: 1,
      flags: 0x11043,
      change: 0,
      name: 'veth0',
      mtu: 1500,
      address: Uint8Array.of(2, 0, 0, 0, 0, 1),
      link: 8,
      linkNetnsId: 0xffffffff,
      operstate: 6,
      xdp: { attached: 4, driverProgId: 7, genericProgId: 8 },
      kind: 'veth',
      peer: { ...empty, name: 'veth1', address: Uint8Array.of(2, 0, 0, 0, 0, 2) },
      stats: {
        rxPackets: 1n,
        txPackets: 2n,
        rxBytes: 2n ** 63n,
        txBytes: 4n,
        rxErrors: 5n,
        txErrors: 6n,
        rxDropped: 7n,
        txDropped: 8n,
      },
    };
    expect(decodeLink(encodeLink(link))).toEqual(link);
    expect(decodeLink(encodeLink({ ifindex: 0, name: 'd0', kind: 'dummy' }))).toEqual({
      ...empty,
      name: 'd0',
      kind: 'dummy',
    });
  });

  it('end on any bytes, with an error of their own at worst', () => {
    const veth = encodeLink({ ifindex: 1, kind: 'veth', peer: { ifindex: 0, name: 'p' } });
    const damaged = fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const copy = veth.slice();
      copy[at % copy.length] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), damaged), (any) => {
        try {
          expect(decodeLink(any)).toHaveProperty('ifindex');
        } catch (error) {
          expect(error).toBeInstanceOf(BpfError);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
