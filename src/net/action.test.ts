import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../bytes/hex.ts';
import { BpfError } from '../errors.ts';
import { TC_ACT_GOTO_CHAIN, TC_ACT_OK, TC_ACT_PIPE, TC_ACT_SHOT } from '../uapi/bpf.ts';
import {
  type Action,
  type ActionMessage,
  decodeActionMessage,
  decodeActions,
  encodeActionMessage,
  encodeActions,
} from './action.ts';
import { decodeFilter, encodeFilter } from './filter.ts';
import { splitMessages } from './message.ts';

/** Messages between tc (iproute2 6.1) and Linux 6.1, as they went over the socket. */
// biome-ignore format: one message a line
const WIRE = {
  // tc actions add action bpf bytecode '1,6 0 0 4294967295,' pass index 42
  addCbpf: '540000003000050620d6066b0000000000000000400001003c00010008000100627066003000028006000300010000000c00040006000000ffffffff180002002a00000000000000000000000000000000000000',
  // tc actions add action bpf object-pinned /sys/fs/bpf/p drop index 43 cookie aabb
  addEbpf: '600000003000050621d6066b00000000000000004c0001004800010008000100627066003400028008000500040000000f000600703a5b2a66736f626a5d0000180002002b0000000000000002000000000000000000000006000600aabb0000',
  // The answer to tc actions get action bpf index 42
  got: 'c40000003200000023d6066b9700000000000000b0000100ac0001000800010062706600440004001400010000000000000000000000000000000000140007000000000000000000000000000000000018000300000000000000000000000000000000000000000008000a000000000054000200180002002a0000000000000000000000010000000000000006000300010000000c00040006000000ffffffff24000100b200000000000000b20000000000000000000000000000000000000000000000',
  // tc actions del action bpf index 43
  delete: '2c0000003100050023d6066b000000000000000018000100140001000800010062706600080003002b000000',
  // tc actions flush action bpf
  flush: '3000000031000501ca080a6b0000000000000000100001000c00010008000100627066000c0002000100000001000000',
  // tc actions list action bpf since 100
  dump: '3800000032000103ce080a6b0000000000000000100001000c00010008000100627066000c00020001000000010000000800040064000000',
  // tc actions add action gact index 4 no_percpu skip_hw action goto chain 4 index 5
  bindTwo: '7c000000300005064a090a6b000000000000000068000100380001000900010067616374000000001c0002801800020004000000000000000000000000000000000000000c00070003000000030000002c0002000900010067616374000000001c000280180002000500000000000000040000200000000000000000',
} as const;
/** tc filter add dev d0 ingress bpf bytecode '1,6 0 0 4294967295,' action bpf index 42 */
const LATE_BINDING =
  '700000002c00050624d6066b00000000000000000300000000000000f2ffffff000300000800010062706600440002002c0001002800010008000100627066001c000280180002002a0000000000000003000000000000000000000006000400010000000c00050006000000ffffffff';

const RETURN_ALL = Uint8Array.of(6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);
const fresh = { refs: 0, bindings: 0 };

function payload(hex: string): Uint8Array {
  const [message] = splitMessages(fromHex(hex) ?? new Uint8Array(0));
  if (message === undefined) throw new Error('no message in the test');
  return message.payload;
}

describe('actions', () => {
  it.each<[keyof typeof WIRE, Action[]]>([
    ['addCbpf', [{ kind: 'bpf', bpf: { ...fresh, index: 42, control: TC_ACT_OK, ops: RETURN_ALL, opsLen: 1 } }]],
    [
      'addEbpf',
      [
        {
          kind: 'bpf',
          bpf: { ...fresh, index: 43, control: TC_ACT_SHOT, fd: 4, name: 'p:[*fsobj]' },
          cookie: Uint8Array.of(0xaa, 0xbb),
        },
      ],
    ],
    [
      'got',
      [
        {
          kind: 'bpf',
          bpf: {
            ...{ index: 42, control: TC_ACT_OK, refs: 1, bindings: 0, ops: RETURN_ALL, opsLen: 1 },
            ages: { installed: 178n, lastUsed: 178n, firstUsed: 0n, expires: 0n },
          },
          inHwCount: 0,
          stats: { bytes: 0n, packets: 0n, drops: 0, overlimits: 0, requeues: 0, qlen: 0, backlog: 0 },
        },
      ],
    ],
    ['delete', [{ kind: 'bpf', index: 43 }]],
    ['flush', [{ kind: 'bpf' }]],
    [
      'bindTwo',
      [
        { kind: 'gact', gact: { ...fresh, index: 4, control: TC_ACT_OK }, flags: 3 },
        { kind: 'gact', gact: { ...fresh, index: 5, control: TC_ACT_GOTO_CHAIN | 4 } },
      ],
    ],
  ])('of %s are read', (message, want) => {
    expect(decodeActionMessage(payload(WIRE[message])).actions).toEqual(want);
  });

  // tc sends the attributes of a program in another order.
  it.each(['delete', 'flush', 'dump', 'bindTwo'] as const)('of %s are encoded as tc does', (message) => {
    const wire = payload(WIRE[message]);
    expect(encodeActionMessage(decodeActionMessage(wire))).toEqual(wire);
  });

  it('of a filter are read, and encoded as tc does', () => {
    expect(decodeFilter(payload(LATE_BINDING)).bpf).toEqual({
      ops: RETURN_ALL,
      opsLen: 1,
      actions: [{ kind: 'bpf', bpf: { ...fresh, index: 42, control: TC_ACT_PIPE } }],
    });
    expect(encodeFilter(decodeFilter(payload(LATE_BINDING)))).toEqual(payload(LATE_BINDING));
  });

  it('are read back in their order', () => {
    const actions: Action[] = [
      { kind: 'pedit', options: Uint8Array.of(1, 2, 3, 4), flags: 5, hwStats: 0, usedHwStats: 2, inHwCount: 2 },
      {
        kind: 'gact',
        gact: { index: 1, control: TC_ACT_GOTO_CHAIN | 5, ...fresh, random: { type: 2, control: 2, value: 10 } },
        stats: { bytes: 2n ** 40n, packets: 2n ** 33n, drops: 1, overlimits: 2, requeues: 3, qlen: 4, backlog: 5 },
      },
      {
        kind: 'bpf',
        index: 3,
        bpf: { index: 3, control: -1, refs: 2, bindings: 1, id: 9, tag: new Uint8Array(8), name: 'x' },
      },
      { kind: 'mirred', mirred: { index: 4, control: 3, ...fresh, eaction: 2, ifindex: 7 } },
      { kind: 'mirred', mirred: { index: 5, control: 4, ...fresh, eaction: 3, ifindex: 0, block: 22 } },
    ];
    expect(decodeActions(encodeActions(actions))).toEqual(actions);
    expect(decodeActions(encodeActions(actions, 0))).toEqual(actions);
    expect(decodeActionMessage(encodeActionMessage({ actions })).actions).toEqual(actions);
    expect(decodeActionMessage(encodeActionMessage({ actions: [] }))).toEqual({ actions: [] });
    const dump: ActionMessage = { actions: [], flags: 1, sinceMs: 1000, count: 7 };
    expect(decodeActionMessage(encodeActionMessage(dump))).toEqual(dump);
  });

  it('end on any bytes, with an error of their own at worst', () => {
    const damaged = fc.tuple(fc.constantFrom(...Object.values(WIRE)), fc.nat(), fc.nat(255)).map(([hex, at, byte]) => {
      const copy = payload(hex).slice();
      copy[at % copy.length] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), damaged), (any) => {
        try {
          expect(Array.isArray(decodeActionMessage(any).actions)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(BpfError);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
