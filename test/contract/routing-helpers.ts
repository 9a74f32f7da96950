import { afterAll, expect, it } from 'vitest';
import { AF_INET, AF_INET6, formatAddress, parseAddress } from '../../src/engine/embedded/inet/address.ts';
import { encodePacket, etherFrame } from '../../src/engine/embedded/inet/packet.ts';
import type { Insn } from '../../src/isa/index.ts';
import { findDevice } from '../../src/loader/devices.ts';
import {
  clsact,
  decodeQdisc,
  encodeFilter,
  encodeLink,
  encodeNeighbour,
  encodeQdisc,
  encodeRoute,
} from '../../src/net/index.ts';
import { attachTypeNumber, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfLinkInfo } from '../../src/uapi/info.ts';
import * as N from '../../src/uapi/netlink.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { addAddress, addPair, addRoute, setUp } from './inet-packets.ts';
import { ask, type NetBench, type Side } from './net-bench.ts';
import { u32 } from './session.ts';
import { showFrame } from './show-frame.ts';

const ADD = N.NLM_F_CREATE | N.NLM_F_EXCL;
const bytes = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0);
const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);
type Insns = readonly (Partial<Insn> | readonly Partial<Insn>[])[];

const SIZE = 64;
const RESULT = 64;
const VALUE = 96;
/** BPF_FIB_LOOKUP_*. */
const [DIRECT, OUTPUT, SKIP_NEIGH, TBID, SRC] = [1, 2, 4, 8, 16];

export interface Lookup {
  readonly to: string;
  readonly from?: string;
  readonly by?: 'v1' | 'w1' | 'lo' | 'none';
  readonly flags?: number;
  readonly length?: number;
  readonly table?: number;
  readonly family?: number;
  readonly size?: number;
}

/** `b` is a router between v1 (10.0.0.2/24, fd00::2/64) and w1 (10.1.0.2/24, fd01::2/64); `a` has the other ends. */
class RoutingBench {
  readonly bench: NetBench;
  readonly #map: Fd;

  constructor(bench: NetBench) {
    this.bench = bench;
    addPair(bench, 'v0', 'v1');
    addPair(bench, 'w0', 'w1');
    for (const side of ['a', 'b'] as const) setUp(bench, side, 'lo');
    for (const address of ['10.0.0.2/24', 'fd00::2/64']) addAddress(bench, 'b', 'v1', address);
    for (const address of ['10.1.0.2/24', 'fd01::2/64']) addAddress(bench, 'b', 'w1', address);
    addRoute(bench, 'b', '10.7.0.0/16', '10.1.0.7');
    addRoute(bench, 'b', 'fd07::/64', 'fd01::7');
    for (const [to, type] of [
      ['10.8.0.0/16', 6],
      ['10.9.0.0/16', 7],
      ['10.10.0.0/16', 8],
      ['fd08::/64', 6],
      ['fd09::/64', 7],
      ['fd0a::/64', 8],
    ] as const) {
      const [destination = '', prefix] = to.split('/');
      const family = destination.includes(':') ? AF_INET6 : AF_INET;
      ask(
        bench,
        'b',
        N.RTM_NEWROUTE,
        ADD,
        encodeRoute({ family, destination: bytes(destination), prefix: Number(prefix), table: 254, type, protocol: 3 }),
      );
    }
    const w1 = findDevice(bench.kernel('b'), 'w1').ifindex;
    ask(
      bench,
      'b',
      N.RTM_NEWROUTE,
      ADD,
      encodeRoute({
        family: AF_INET,
        destination: bytes('10.20.0.0'),
        prefix: 16,
        table: 100,
        type: 1,
        scope: 253,
        protocol: 3,
        ifindex: w1,
        metric: 7,
      }),
    );
    for (const [device, address, hardware] of [
      ['v1', '10.0.0.1', 10],
      ['w1', '10.1.0.7', 7],
      ['w1', '10.1.0.9', 9],
      ['v1', 'fd00::1', 10],
      ['w1', 'fd01::7', 7],
    ] as const) {
      const { ifindex } = findDevice(bench.kernel('b'), device);
      const family = address.includes(':') ? AF_INET6 : AF_INET;
      ask(
        bench,
        'b',
        N.RTM_NEWNEIGH,
        ADD,
        encodeNeighbour({ family, ifindex, address: bytes(address), hardware: mac(hardware), state: 0x80 }),
      );
    }
    ask(bench, 'b', N.RTM_NEWQDISC, ADD, encodeQdisc(clsact(this.ifindex('v1'))));
    this.#map = bench
      .kernel('b')
      .bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: VALUE, max_entries: 1 });
  }

  ifindex(device: string, side: Side = 'b'): number {
    return device === 'none' ? 999 : findDevice(this.bench.kernel(side), device).ifindex;
  }
  load(type: 'sched_cls' | 'xdp', insns: Insns, side: Side = 'b'): Fd {
    const code = bytecode(...insns);
    return this.bench.kernel(side).bpf('BPF_PROG_LOAD', {
      prog_type: progTypeNumber[type],
      insns: code,
      insn_cnt: code.length / 8,
      license: 'GPL',
    });
  }
  run(prog_fd: Fd, side: Side = 'b', data = new Uint8Array(64)): void {
    const kernel = this.bench.kernel(side);
    kernel.bpf('BPF_PROG_TEST_RUN', {
      prog_fd,
      data_in: data,
      data_size_in: data.length,
      data_out: new Uint8Array(256),
      data_size_out: 256,
    });
    kernel.close(prog_fd);
  }

  /** bpf_fib_lookup in a test run in `b`: what it returns, and what it says. */
  lookup(asked: Lookup, forwarding = true, type: 'sched_cls' | 'xdp' = 'sched_cls'): string {
    this.bench.setForwarding('b', forwarding);
    const { to, from = to.includes(':') ? 'fd00::1' : '10.0.0.1', by = 'v1', flags = 0, length = 0, table = 0 } = asked;
    const value = new Uint8Array(VALUE);
    const view = new DataView(value.buffer);
    value[0] = asked.family ?? (to.includes(':') ? AF_INET6 : AF_INET);
    view.setUint16(6, length, true);
    view.setUint32(8, this.ifindex(by), true);
    value.set(bytes(from), 16);
    value.set(bytes(to), 32);
    view.setUint32(48, table, true);
    const kernel = this.bench.kernel('b');
    kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: this.#map, key: u32(0), value });
    this.run(
      this.load(type, [
        I.mapValue(7, this.#map, 0),
        I.movReg(2, 7),
        I.mov(3, asked.size ?? SIZE),
        I.mov(4, flags),
        I.call(69),
        I.store(8, 7, RESULT, 0),
        I.mov(0, type === 'xdp' ? 2 : 0),
        I.exit,
      ]),
    );
    kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: this.#map, key: u32(0), value });
    const ret = view.getInt32(RESULT, true);
    if (ret !== 0 && ret !== 7 && ret !== 8) return `${ret}`;
    const device = ['v1', 'w1', 'lo'].find((name) => this.ifindex(name) === view.getUint32(8, true));
    const size = value[0] === AF_INET ? 4 : 16;
    const at = (offset: number) => formatAddress(value.subarray(offset, offset + size));
    return [
      ret,
      device,
      `src ${at(16)}`,
      `dst ${at(32)}`,
      `mtu ${view.getUint16(6, true)}`,
      `metric ${view.getUint32(12, true)}`,
      `${[...value.subarray(52, 64)].join('.')}`,
    ].join(' ');
  }

  /** What becomes of a packet to 10.9.9.9 that comes in at v1, where a program returns what these instructions leave in r0. */
  redirected(insns: Insns, to = '10.9.9.9'): string[] {
    this.bench.setForwarding('b', false);
    const fd = this.load('sched_cls', [
      I.load(4, 2, 1, 16),
      I.jeq(2, to.includes(':') ? 0xdd86 : 8, 2),
      I.mov(0, 0),
      I.exit,
      ...insns,
      I.exit,
    ]);
    const hook = {
      ifindex: this.ifindex('v1'),
      parent: N.TC_H_CLSACT_INGRESS,
      handle: 1,
      priority: 1,
      protocol: 3,
      kind: 'bpf',
    };
    ask(this.bench, 'b', N.RTM_NEWTFILTER, ADD, encodeFilter({ ...hook, bpf: { fd, name: 't', flags: 1 } }));
    const captures = (['w0', 'v0'] as const).map((device) => this.bench.capture('a', device));
    const [family, source] = to.includes(':') ? ([AF_INET6, 'fd00::1'] as const) : ([AF_INET, '10.0.0.1'] as const);
    const packet = encodePacket({
      family,
      source: bytes(source),
      destination: bytes(to),
      protocol: 200,
      payload: Uint8Array.of(1, 2, 3, 4),
    });
    this.bench.send('a', 'v0', etherFrame(mac(11), mac(10), family === AF_INET ? 0x800 : 0x86dd, packet));
    const seen = captures.map((stop) =>
      stop()
        .map(showFrame)
        .filter((line) => line.includes('protocol 200') || line.includes('arp')),
    );
    ask(this.bench, 'b', N.RTM_DELTFILTER, 0, encodeFilter(hook));
    this.bench.kernel('b').close(fd);
    return seen.flatMap((lines, i) => lines.map((line) => `${i === 0 ? 'w0' : 'v0'} ${line}`));
  }
  /** bpf_redirect_neigh to a device, by an address or the packet's own way. */
  neigh(device: string, address?: string, size?: number): Insns {
    if (address === undefined)
      return [I.mov(1, this.ifindex(device)), I.mov(2, 0), I.mov(3, 0), I.mov(4, 0), I.call(152)];
    const at = bytes(address);
    const words = Array.from({ length: 4 }, (_, i) =>
      new DataView(Uint8Array.of(...at, ...new Uint8Array(16)).buffer).getInt32(4 * i, true),
    );
    return [
      I.storeImm(4, 10, -20, at.length === 4 ? AF_INET : AF_INET6),
      ...words.map((word, i) => I.storeImm(4, 10, -16 + 4 * i, word)),
      I.mov(1, this.ifindex(device)),
      I.movReg(2, 10),
      I.add(2, -20),
      I.mov(3, size ?? 20),
      I.mov(4, 0),
      I.call(152),
    ];
  }
  peer(device: string, flags = 0): Insns {
    return [I.mov(1, this.ifindex(device)), I.mov(2, flags), I.call(155)];
  }

  /** What of a device's programs is there once it has been moved from `b` to `a`: of tcx, of XDP, its qdisc; and the number in the link's info. */
  moved(): unknown {
    addPair(this.bench, 'm0', 'm1');
    const before = this.ifindex('m1');
    const kernel = this.bench.kernel('b');
    const prog_fd = this.load('sched_cls', [I.mov(0, 0), I.exit]);
    const link = kernel.bpf('BPF_LINK_CREATE', {
      prog_fd,
      target_ifindex: before,
      attach_type: attachTypeNumber.tcx_ingress,
    });
    const xdp = this.load('xdp', [I.mov(0, 2), I.exit]);
    ask(this.bench, 'b', N.RTM_NEWLINK, 0, encodeLink({ ifindex: before, xdp: { fd: xdp } }));
    ask(this.bench, 'b', N.RTM_NEWQDISC, ADD, encodeQdisc(clsact(before)));
    ask(this.bench, 'b', N.RTM_NEWLINK, 0, encodeLink({ ifindex: before, netnsFd: this.bench.netns('a', 'b') }));
    const after = this.ifindex('m1', 'a');
    const query = { target_ifindex: after, attach_type: attachTypeNumber.tcx_ingress, count: 0 };
    this.bench.kernel('a').bpf('BPF_PROG_QUERY', query);
    const info = new Uint8Array(64);
    kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: link, info, info_len: 64 });
    const device = findDevice(this.bench.kernel('a'), 'm1');
    const dump = encodeQdisc({ ifindex: after, kind: undefined, handle: 0, parent: 0 });
    const qdiscs = ask(this.bench, 'a', N.RTM_GETQDISC, N.NLM_F_DUMP, dump).map(decodeQdisc);
    for (const fd of [prog_fd, link, xdp]) kernel.close(fd);
    return [
      query.count,
      N.XDP_ATTACHED[device.xdp?.attached ?? 0],
      qdiscs.filter(({ ifindex, kind }) => ifindex === after && kind === 'clsact').length,
      bpfLinkInfo.decode(info)['tcx.ifindex'] === after,
      after !== before,
    ];
  }

  /** bpf_get_netns_cookie in a test run. */
  cookie(side: Side, context: boolean): bigint {
    const kernel = this.bench.kernel(side);
    const map = kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 8, max_entries: 1 });
    this.run(
      this.load(
        'sched_cls',
        [
          ...(context ? [] : [I.mov(1, 0)]),
          I.call(122),
          I.mapValue(1, map, 0),
          I.store(8, 1, 0, 0),
          I.mov(0, 0),
          I.exit,
        ],
        side,
      ),
      side,
    );
    const value = new Uint8Array(8);
    kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: u32(0), value });
    kernel.close(map);
    return new DataView(value.buffer).getBigUint64(0, true);
  }
}

const NONE = '0.0.0.0.0.0.0.0.0.0.0.0';
// biome-ignore format: one lookup a row
const lookupRows: readonly (readonly [name: string, asked: Lookup, want: string, forwarding?: false])[] = [
  ['a neighbour that is known', { to: '10.1.0.9' }, '0 w1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.9'],
  ['one that is not', { to: '10.1.0.8' }, `7 w1 src 10.0.0.1 dst 10.1.0.8 mtu 0 metric 0 ${NONE}`],
  ['without looking for it', { to: '10.1.0.8', flags: SKIP_NEIGH }, `0 w1 src 10.0.0.1 dst 10.1.0.8 mtu 1500 metric 0 ${NONE}`],
  ['by a gateway', { to: '10.7.1.1' }, '0 w1 src 10.0.0.1 dst 10.1.0.7 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.7'],
  ['with the source address', { to: '10.7.1.1', flags: SRC }, '0 w1 src 10.1.0.2 dst 10.1.0.7 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.7'],
  ['back where it came from', { to: '10.0.0.1' }, '0 v1 src 10.0.0.1 dst 10.0.0.1 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.10'],
  ['to itself', { to: '10.0.0.2' }, '4'],
  ['to all', { to: '10.1.0.255' }, '4'],
  ['nowhere', { to: '192.0.2.1' }, '4'],
  ['blackhole', { to: '10.8.0.1' }, '1'],
  ['unreachable', { to: '10.9.0.1' }, '2'],
  ['prohibited', { to: '10.10.0.1' }, '3'],
  ['a length that fits', { to: '10.1.0.9', length: 1500 }, '0 w1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.9'],
  ['one that does not', { to: '10.1.0.9', length: 1501 }, `8 v1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 ${NONE}`],
  ['no router', { to: '10.1.0.9' }, '5', false],
  ['a device that is not there', { to: '10.1.0.9', by: 'none' }, '-19'],
  ['on the way out', { to: '10.1.0.9', by: 'w1', flags: OUTPUT }, '0 w1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.9'],
  ['on the way out of the wrong device', { to: '10.1.0.9', by: 'v1', flags: OUTPUT }, '4'],
  ['the main table alone', { to: '10.1.0.9', flags: DIRECT }, '0 w1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.9'],
  ['the main table has what is local too', { to: '10.0.0.2', flags: DIRECT }, '4'],
  ['a table that is named', { to: '10.20.0.1', flags: DIRECT | TBID | SKIP_NEIGH, table: 100 }, `0 w1 src 10.0.0.1 dst 10.20.0.1 mtu 1500 metric 7 ${NONE}`],
  ['a table that is not there', { to: '10.20.0.1', flags: DIRECT | TBID, table: 101 }, '4'],
  ['in other tables it is not looked for', { to: '10.20.0.1' }, '4'],
  ['a family that there is not', { to: '10.1.0.9', family: 1 }, '-97'],
  ['a flag that there is not', { to: '10.1.0.9', flags: 64 }, '-22'],
  ['IPv6: a neighbour that is known', { to: 'fd00::1', by: 'w1' }, '0 v1 src fd00::1 dst fd00::1 mtu 1500 metric 256 2.0.0.0.0.11.2.0.0.0.0.10'],
  ['IPv6: one that is not', { to: 'fd01::8' }, `7 w1 src fd00::1 dst fd01::8 mtu 0 metric 256 ${NONE}`],
  ['IPv6: by a gateway', { to: 'fd07::1' }, '0 w1 src fd00::1 dst fd01::7 mtu 1500 metric 1024 2.0.0.0.0.11.2.0.0.0.0.7'],
  ['IPv6: with the source address', { to: 'fd07::1', flags: SRC }, '0 w1 src fd01::2 dst fd01::7 mtu 1500 metric 1024 2.0.0.0.0.11.2.0.0.0.0.7'],
  ['IPv6: to itself', { to: 'fd00::2' }, '4'],
  ['IPv6: the main table has nothing of itself', { to: 'fd00::2', flags: DIRECT }, `7 v1 src fd00::1 dst fd00::2 mtu 0 metric 256 ${NONE}`],
  ['IPv6: nowhere', { to: '2001:db8::1' }, '4'],
  ['IPv6: blackhole', { to: 'fd08::1' }, '1'],
  ['IPv6: unreachable', { to: 'fd09::1' }, '2'],
  ['IPv6: prohibited', { to: 'fd0a::1' }, '3'],
  ['IPv6: one that does not fit', { to: 'fd07::1', length: 1501 }, `8 v1 src fd00::1 dst fd07::1 mtu 1500 metric 0 ${NONE}`],
  ['IPv6: no router', { to: 'fd07::1' }, '5', false],
];

/** With what the packet is sent on. */
// biome-ignore format: one packet a row
const redirectRows: readonly (readonly [name: string, run: (b: RoutingBench) => unknown, want: unknown])[] = [
  ['to a neighbour by its address', (b) => b.redirected(b.neigh('w1', '10.1.0.9')), ['w0 2:0:0:0:0:b>2:0:0:0:0:9 10.0.0.1>10.9.9.9 ttl 64 len 24 protocol 200']],
  ['by the way of the packet', (b) => b.redirected(b.neigh('w1'), '10.7.1.1'), ['w0 2:0:0:0:0:b>2:0:0:0:0:7 10.0.0.1>10.7.1.1 ttl 64 len 24 protocol 200']],
  ['IPv6, by its address', (b) => b.redirected(b.neigh('w1', 'fd01::7'), 'fd09::1'), ['w0 2:0:0:0:0:b>2:0:0:0:0:7 fd00::1>fd09::1 ttl 64 len 44 protocol 200']],
  ['IPv6, by the way of the packet', (b) => b.redirected(b.neigh('w1'), 'fd07::1'), ['w0 2:0:0:0:0:b>2:0:0:0:0:7 fd00::1>fd07::1 ttl 64 len 44 protocol 200']],
  ['IPv4 by an IPv6 neighbour', (b) => b.redirected(b.neigh('w1', 'fd01::7')), ['w0 2:0:0:0:0:b>2:0:0:0:0:7 10.0.0.1>10.9.9.9 ttl 64 len 24 protocol 200']],
  ['to a neighbour whose hardware address nobody knows', (b) => b.redirected(b.neigh('w1', '10.1.0.8')), ['w0 2:0:0:0:0:b>ff:ff:ff:ff:ff:ff arp request 10.1.0.2 at 2:0:0:0:0:b, 10.1.0.8 at 0:0:0:0:0:0']],
  ['to the peer', (b) => b.redirected(b.peer('w1')), ['w0 2:0:0:0:0:a>2:0:0:0:0:b 10.0.0.1>10.9.9.9 ttl 64 len 24 protocol 200']],
  ['to the peer of itself', (b) => b.redirected(b.peer('v1')), ['v0 2:0:0:0:0:a>2:0:0:0:0:b 10.0.0.1>10.9.9.9 ttl 64 len 24 protocol 200']],
  ['to the peer of lo', (b) => b.redirected(b.peer('lo')), []],
  ['to the peer, with flags', (b) => b.redirected(b.peer('w1', 1)), []],
  ['a device that is moved keeps tcx and XDP, and loses its qdisc', (b) => b.moved(), [1, 'driver', 0, true, true]],
  ['cookies are of the namespace', (b) => [new Set([b.cookie('a', true), b.cookie('b', true), b.cookie('b', false)]).size, b.cookie('a', false) === b.cookie('b', false)], [3, true]],
  ['to which there is no way by that device: it is taken for a neighbour', (b) => b.redirected(b.neigh('v1'), '10.7.1.1').filter((line) => line.startsWith('v0')), ['v0 2:0:0:0:0:b>ff:ff:ff:ff:ff:ff arp request 10.0.0.2 at 2:0:0:0:0:b, 10.7.1.1 at 0:0:0:0:0:0']],
];

/** The same on every kernel. Call it within a `describe`. */
export function routingHelpers(createBench: () => NetBench & Disposable): void {
  const bench = createBench();
  afterAll(() => bench[Symbol.dispose]());
  const routing = new RoutingBench(bench);
  it.for(lookupRows)('bpf_fib_lookup: %s', ([_name, asked, want, forwarding]) => {
    expect(routing.lookup(asked, forwarding !== false)).toBe(want);
  });
  it('bpf_fib_lookup of XDP programs: a length that does not fit, and one that does', () => {
    const answers = [1501, 1500].map((length) => routing.lookup({ to: '10.1.0.9', length }, true, 'xdp'));
    expect(answers).toEqual([
      '8 v1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 0.0.0.0.0.0.0.0.0.0.0.0',
      '0 w1 src 10.0.0.1 dst 10.1.0.9 mtu 1500 metric 0 2.0.0.0.0.11.2.0.0.0.0.9',
    ]);
  });
  it.for(redirectRows)('redirect: %s', ([_name, run, want]) => {
    expect(run(routing)).toEqual(want);
  });
}
