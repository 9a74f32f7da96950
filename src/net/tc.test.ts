import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../bytes/hex.ts';
import { BpfError } from '../errors.ts';
import {
  ETH_P_ALL,
  ETH_P_IP,
  TC_H_CLSACT,
  TC_H_CLSACT_EGRESS,
  TC_H_CLSACT_HANDLE,
  TC_H_CLSACT_INGRESS,
  TCA_CLS_FLAGS_NOT_IN_HW,
} from '../uapi/netlink.ts';
import { decodeFilter, encodeFilter, type Filter } from './filter.ts';
import { splitMessages } from './message.ts';
import { clsact, decodeQdisc, encodeQdisc, type Qdisc } from './qdisc.ts';

/** Messages between tc (iproute2 6.1) and Linux 6.18, as they went over the socket. */
// biome-ignore format: one message a line
const WIRE = {
  // tc qdisc add dev d0 clsact
  addClsact: '300000002400050680d3066b0000000000000000030000000000fffff1ffffff000000000b000100636c736163740000',
  // tc filter add dev d0 ingress protocol ip pref 7 handle 0x3 chain 2 bpf da object-pinned /sys/fs/bpf/p
  addEbpf: '580000002c00050680d3066b00000000000000000300000003000000f2ffffff0800070008000b000200000008000100627066002400020008000600040000000f000700703a5b2a66736f626a5d00000800080001000000',
  // tc filter add dev d0 egress bpf bytecode '1,6 0 0 4294967295,' flowid 1:2
  addCbpf: '4c0000002c00050680d3066b00000000000000000300000000000000f3ffffff00030000080001006270660020000200080003000200010006000400010000000c00050006000000ffffffff',
  // tc filter del dev d0 ingress pref 9
  delete: '240000002d00050081d3066b00000000000000000300000000000000f2ffffff00000900',
  // The answers to tc filter show dev d0 ingress, and egress
  dumpEbpf: '340000002c00020080d3066bab2b0000000000000300000000000000f2ffffff08000700080001006270660008000b00020000006c0000002c00020080d3066bab2b0000000000000300000003000000f2ffffff08000700080001006270660008000b0002000000380002000f000700703a5b2a66736f626a5d000008000b006a0000000c000a0031b183a6d8a5c14808000800010000000800090008000000',
  dumpCbpf: '340000002c00020080d3066bd82b0000000000000300000000000000f3ffffff000300c0080001006270660008000b00000000005c0000002c00020080d3066bd82b0000000000000300000001000000f3ffffff000300c0080001006270660008000b000000000028000200080003000200010006000400010000000c00050006000000ffffffff0800090008000000',
  // tc qdisc show dev d0
  dumpQdiscs: '940000002400020080d3066b052c0000000000000300000000000000ffffffff020000000c0001006e6f71756575650005000c00000000003000070014000100000000000000000000000000000000001800030000000000000000000000000000000000000000002c00030000000000000000000000000000000000000000000000000000000000000000000000000000000000980000002400020080d3066b052c000000000000030000000000fffff1ffffff010000000b000100636c7361637400000400020005000c00000000003000070014000100000000000000000000000000000000001800030000000000000000000000000000000000000000002c00030000000000000000000000000000000000000000000000000000000000000000000000000000000000',
} as const;

function payloads(hex: string): Uint8Array[] {
  return splitMessages(fromHex(hex) ?? new Uint8Array(0)).map(({ payload }) => payload);
}

const RETURN_ALL = Uint8Array.of(6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);
const addEbpf: Filter = {
  ifindex: 3,
  parent: TC_H_CLSACT_INGRESS,
  handle: 3,
  priority: 7,
  protocol: ETH_P_IP,
  chain: 2,
  kind: 'bpf',
  bpf: { fd: 4, name: 'p:[*fsobj]', flags: 1 },
};
const addCbpf: Filter = {
  ifindex: 3,
  parent: TC_H_CLSACT_EGRESS,
  handle: 0,
  priority: 0,
  protocol: ETH_P_ALL,
  kind: 'bpf',
  bpf: { classid: 0x10002, ops: RETURN_ALL, opsLen: 1 },
};

describe('qdiscs', () => {
  it('are encoded as tc does', () => {
    expect(payloads(WIRE.addClsact).map(toHex)).toEqual([toHex(encodeQdisc(clsact(3)))]);
  });

  it('of a dump are read', () => {
    expect(payloads(WIRE.dumpQdiscs).map(decodeQdisc)).toMatchObject([
      { ifindex: 3, kind: 'noqueue', handle: 0, parent: 0xffffffff },
      { ifindex: 3, kind: 'clsact', handle: TC_H_CLSACT_HANDLE, parent: TC_H_CLSACT },
    ]);
  });

  it('are read back', () => {
    const qdisc: Qdisc = {
      ...clsact(9, 'ingress'),
      ingressBlock: 5,
      egressBlock: 6,
      options: Uint8Array.of(1, 2, 3, 4),
    };
    expect(decodeQdisc(encodeQdisc(qdisc))).toEqual(qdisc);
  });
});

describe('filters', () => {
  it('are encoded as tc does', () => {
    expect(payloads(WIRE.addCbpf).map(toHex)).toEqual([toHex(encodeFilter(addCbpf))]);
  });

  it.each<[keyof typeof WIRE, Filter[]]>([
    ['addEbpf', [addEbpf]],
    ['addCbpf', [addCbpf]],
    ['delete', [{ ifindex: 3, parent: TC_H_CLSACT_INGRESS, handle: 0, priority: 9, protocol: 0, kind: undefined }]],
    [
      'dumpEbpf',
      [
        { ...addEbpf, handle: 0, bpf: undefined },
        {
          ...addEbpf,
          bpf: {
            name: 'p:[*fsobj]',
            flags: 1,
            flagsGen: TCA_CLS_FLAGS_NOT_IN_HW,
            id: 106,
            tag: Uint8Array.of(0x31, 0xb1, 0x83, 0xa6, 0xd8, 0xa5, 0xc1, 0x48),
          },
        },
      ],
    ],
    [
      'dumpCbpf',
      [
        { ...addCbpf, priority: 49152, chain: 0, bpf: undefined },
        {
          ...addCbpf,
          handle: 1,
          priority: 49152,
          chain: 0,
          bpf: { classid: 0x10002, ops: RETURN_ALL, opsLen: 1, flagsGen: TCA_CLS_FLAGS_NOT_IN_HW },
        },
      ],
    ],
  ])('of %s are read', (message, want) => {
    expect(payloads(WIRE[message]).map(decodeFilter)).toEqual(want);
  });

  it('on a shared block have its number for a parent', () => {
    const filter: Filter = {
      ifindex: 0,
      parent: 0,
      block: 22,
      handle: 1,
      priority: 2,
      protocol: ETH_P_ALL,
      kind: 'bpf',
    };
    const payload = encodeFilter(filter);
    expect(new DataView(payload.buffer).getInt32(4, true)).toBe(-1);
    expect(decodeFilter(payload)).toEqual(filter);
  });

  it('of another kind keep their options', () => {
    const filter: Filter = {
      ...addCbpf,
      kind: 'matchall',
      bpf: undefined,
      options: Uint8Array.of(8, 0, 1, 0, 0, 0, 0, 0),
    };
    expect(decodeFilter(encodeFilter(filter))).toEqual(filter);
  });

  it('are read back', () => {
    const u32 = fc.integer({ min: 0, max: 0xffffffff });
    const u16 = fc.integer({ min: 0, max: 0xffff });
    const raw = fc.uint8Array({ maxLength: 24 });
    const bpf = fc.record(
      {
        fd: u32,
        name: fc.string({ maxLength: 20, unit: 'grapheme-ascii' }),
        flags: u32,
        flagsGen: u32,
        classid: u32,
        id: u32,
        tag: raw,
        police: raw,
      },
      { requiredKeys: [] },
    );
    const filter = fc.record(
      {
        ifindex: fc.integer({ min: 0, max: 0x7fffffff }),
        parent: u32,
        handle: u32,
        priority: u16,
        protocol: u16,
        kind: fc.constant('bpf'),
        chain: u32,
        bpf,
      },
      { requiredKeys: ['ifindex', 'parent', 'handle', 'priority', 'protocol', 'kind', 'bpf'] },
    );
    fc.assert(
      fc.property(filter, (given) => {
        expect(decodeFilter(encodeFilter(given))).toEqual(given);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('end on any bytes, with an error of their own at worst', () => {
    const damaged = fc
      .tuple(fc.constantFrom(...payloads(WIRE.dumpEbpf)), fc.nat(), fc.nat(255))
      .map(([payload, at, byte]) => {
        const copy = payload.slice();
        copy[at % copy.length] = byte;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), damaged), (any) => {
        for (const decode of [decodeFilter, decodeQdisc]) {
          try {
            expect(decode(any)).toHaveProperty('ifindex');
          } catch (error) {
            expect(error).toBeInstanceOf(BpfError);
          }
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
