import { AF_INET, AF_INET6, parseAddress } from '../../src/engine/embedded/inet/address.ts';
import { checksum, transportChecksum } from '../../src/engine/embedded/inet/checksum.ts';
import { encodePacket, etherFrame, type PacketHeader } from '../../src/engine/embedded/inet/packet.ts';
import { encodeSegment } from '../../src/engine/embedded/sockets/tcp-segment.ts';
import { findDevice } from '../../src/loader/devices.ts';
import { encodeAddress, encodeLink, encodeRoute } from '../../src/net/index.ts';
import * as N from '../../src/uapi/netlink.ts';
import { ask, type NetBench, type Side } from './net-bench.ts';
import { showFrame } from './show-frame.ts';

const ADD = N.NLM_F_CREATE | N.NLM_F_EXCL;
const MAC_A = Uint8Array.of(2, 0, 0, 0, 0, 10);
const MAC_B = Uint8Array.of(2, 0, 0, 0, 0, 11);
const ALL = new Uint8Array(6).fill(0xff);
const bytes = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0);
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

export function addAddress(bench: NetBench, side: Side, device: string, address: string): void {
  const [at = '', prefix] = address.split('/');
  const { ifindex } = findDevice(bench.kernel(side), device);
  const local = bytes(at);
  const family = local.length === 4 ? AF_INET : AF_INET6;
  ask(
    bench,
    side,
    N.RTM_NEWADDR,
    ADD,
    encodeAddress({ family, ifindex, prefix: Number(prefix), local, peer: local, flags: 2 }),
  );
}
export function addRoute(bench: NetBench, side: Side, to: string, via: string): void {
  const [at = '', prefix] = to.split('/');
  const destination = bytes(at);
  const family = destination.length === 4 ? AF_INET : AF_INET6;
  ask(
    bench,
    side,
    N.RTM_NEWROUTE,
    ADD,
    encodeRoute({ family, destination, prefix: Number(prefix), table: 254, type: 1, protocol: 3, gateway: bytes(via) }),
  );
}
export function setUp(bench: NetBench, side: Side, device: string): void {
  ask(bench, side, N.RTM_NEWLINK, 0, encodeLink({ ifindex: 0, name: device, flags: 1, change: 1 }));
}
/** A pair with one end in each namespace, both up. */
export function addPair(bench: NetBench, a: string, b: string): void {
  const peer = { ifindex: 0, name: b, address: MAC_B, netnsFd: bench.netns('b', 'a') };
  ask(bench, 'a', N.RTM_NEWLINK, ADD, encodeLink({ ifindex: 0, name: a, kind: 'veth', address: MAC_A, peer }));
  setUp(bench, 'a', a);
  setUp(bench, 'b', b);
}

/** `b` is a host with v1 (10.0.0.2/24, fd00::2/64) and a router to w1 (10.1.0.2/24, fd01::2/64), of which `a` has the other ends and no addresses. */
export class Wire {
  readonly bench: NetBench;
  constructor(bench: NetBench) {
    this.bench = bench;
    addPair(bench, 'v0', 'v1');
    addPair(bench, 'w0', 'w1');
    setUp(bench, 'b', 'lo');
    for (const address of ['10.0.0.2/24', 'fd00::2/64']) addAddress(bench, 'b', 'v1', address);
    for (const address of ['10.1.0.2/24', 'fd01::2/64']) addAddress(bench, 'b', 'w1', address);
    addRoute(bench, 'b', '10.7.0.0/16', '10.1.0.7');
  }

  /** What comes back by v0, and what by w0. */
  run(frames: readonly Uint8Array[], forwarding: boolean): string[] {
    this.bench.setForwarding('b', forwarding);
    const captures = ['v0', 'w0'].map((device) => this.bench.capture('a', device));
    for (const frame of frames) this.bench.send('a', 'v0', frame);
    const [back = [], through = []] = captures.map((stop) => stop());
    // Linux says unasked which groups of IPv6 it listens to.
    return [...back.map(showFrame), ...through.map((frame) => `w0 ${showFrame(frame)}`)].filter(
      (text) => !text.includes('>ff02::16 '),
    );
  }
}

function arp(operation: number, from: string, to: string, hardware = MAC_A, ether = ALL): Uint8Array {
  const message = Uint8Array.of(
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    operation,
    ...hardware,
    ...bytes(from),
    ...new Uint8Array(6),
    ...bytes(to),
  );
  return etherFrame(ether, hardware, 0x806, message);
}
/** So that b knows a's hardware addresses. */
const KNOWN = arp(1, '10.0.0.1', '10.0.0.2');

function ip(
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  more: Partial<PacketHeader> & { ether?: Uint8Array; spoil?: number } = {},
): Uint8Array {
  const { ether = MAC_B, spoil, ...header } = more;
  const source = bytes(from);
  const packet = encodePacket({
    family: source.length === 4 ? AF_INET : AF_INET6,
    source,
    destination: bytes(to),
    protocol,
    payload,
    ...header,
  });
  if (spoil !== undefined) packet[spoil] = (packet[spoil] ?? 0) ^ 0x55;
  return etherFrame(ether, MAC_A, source.length === 4 ? 0x800 : 0x86dd, packet);
}
function icmp(
  from: string,
  to: string,
  type: number,
  more: Parameters<typeof ip>[4] = {},
  data = text('ping'),
): Uint8Array {
  const six = from.includes(':');
  const message = Uint8Array.of(type, 0, 0, 0, 0, 7, 0, 1, ...data);
  new DataView(message.buffer).setUint16(
    2,
    six ? transportChecksum(bytes(from), bytes(to), 58, message) : checksum(message),
  );
  return ip(from, to, six ? 58 : 1, message, more);
}
export function udp(
  from: string,
  to: string,
  port: number,
  data: Uint8Array,
  more: Parameters<typeof ip>[4] = {},
): Uint8Array {
  const message = Uint8Array.of(0x13, 0x88, port >> 8, port & 0xff, 0, 8 + data.length, 0, 0, ...data);
  new DataView(message.buffer).setUint16(4, 8 + data.length);
  new DataView(message.buffer).setUint16(6, transportChecksum(bytes(from), bytes(to), 17, message));
  return ip(from, to, 17, message, more);
}
function tcp(from: string, to: string, flags: number, ack = 0, data = new Uint8Array(0)): Uint8Array {
  const segment = {
    sourcePort: 5000,
    destinationPort: 81,
    seq: 1000,
    ack,
    flags,
    window: 1000,
    mss: undefined,
    scale: undefined,
    timestamps: undefined,
    payload: data,
  };
  return ip(from, to, 6, encodeSegment(bytes(from), bytes(to), segment));
}
function solicit(from: string, to: string): Uint8Array {
  const target = bytes(to);
  const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13));
  const message = Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0, ...target, 1, 1, ...MAC_A);
  new DataView(message.buffer).setUint16(2, transportChecksum(bytes(from), group, 58, message));
  const packet = encodePacket({
    family: AF_INET6,
    source: bytes(from),
    destination: group,
    protocol: 58,
    ttl: 255,
    payload: message,
  });
  return etherFrame(Uint8Array.of(0x33, 0x33, 0xff, ...target.subarray(13)), MAC_A, 0x86dd, packet);
}
const KNOWN6 = solicit('fd00::1', 'fd00::2');
const SYN = 2;
const ACK = 16;
const RST = 4;
const FIN = 1;

type Row = readonly [name: string, frames: readonly Uint8Array[], want: readonly string[], forwarding?: true];

const ARP = '2:0:0:0:0:b>2:0:0:0:0:a arp reply 10.0.0.2 at 2:0:0:0:0:b, 10.0.0.1 at 2:0:0:0:0:a';
const ND = '2:0:0:0:0:b>2:0:0:0:0:a fd00::2>fd00::1 ttl 255 len 72 icmp 136/0 96.0.0.0 fd00::2 2.1.2.0.0.0.0.11';
const B_A = '2:0:0:0:0:b>2:0:0:0:0:a';
const BACK = `${B_A} 10.0.0.2>10.0.0.1 ttl 64`;
const BACK6 = `${B_A} fd00::2>fd00::1 ttl 64`;

/** Frames that come in at v1, and all that go out for it. */
// biome-ignore format: one scenario a row
export const packetRows: readonly Row[] = [
  ['an ARP request', [KNOWN], [ARP]],
  ['for another address', [arp(1, '10.0.0.1', '10.0.0.3')], []],
  ['for an address of another device', [arp(1, '10.0.0.1', '10.1.0.2')], [ARP.replace('10.0.0.2', '10.1.0.2')]],
  ['from an address that is probed', [arp(1, '0.0.0.0', '10.0.0.2')], [ARP.replace('10.0.0.1', '0.0.0.0')]],
  ['sent to it alone', [arp(1, '10.0.0.1', '10.0.0.2', MAC_A, MAC_B)], [ARP]],
  ['sent to another host', [arp(1, '10.0.0.1', '10.0.0.2', MAC_A, Uint8Array.of(2, 0, 0, 0, 0, 99))], []],
  ['a ping', [KNOWN, icmp('10.0.0.1', '10.0.0.2', 8)], [ARP, `${BACK} len 32 icmp 0/0 0.7.0.1 "ping"`]],
  ['a ping that is marked', [KNOWN, icmp('10.0.0.1', '10.0.0.2', 8, { tos: 0x20, ttl: 3 })], [ARP, `${BACK} tos 32 len 32 icmp 0/0 0.7.0.1 "ping"`]],
  ['a ping to another address of the host', [KNOWN, icmp('10.0.0.1', '10.1.0.2', 8)], [ARP, `${B_A} 10.1.0.2>10.0.0.1 ttl 64 len 32 icmp 0/0 0.7.0.1 "ping"`]],
  ['a ping with a wrong header checksum', [KNOWN, icmp('10.0.0.1', '10.0.0.2', 8, { spoil: 10 })], [ARP]],
  ['a ping with a wrong checksum', [KNOWN, icmp('10.0.0.1', '10.0.0.2', 8, { spoil: 22 })], [ARP]],
  ['a ping for another host\'s hardware', [KNOWN, icmp('10.0.0.1', '10.0.0.2', 8, { ether: Uint8Array.of(2, 0, 0, 0, 0, 99) })], [ARP]],
  ['a ping to an address of nobody', [KNOWN, icmp('10.0.0.1', '10.0.0.9', 8)], [ARP]],
  ['a ping from its own address', [KNOWN, icmp('10.0.0.2', '10.0.0.2', 8)], [ARP]],
  ['a ping from loopback', [KNOWN, icmp('127.0.0.1', '10.0.0.2', 8)], [ARP]],
  ['a ping to loopback', [KNOWN, icmp('10.0.0.1', '127.0.0.1', 8)], [ARP]],
  ['a ping to all', [KNOWN, icmp('10.0.0.1', '10.0.0.255', 8, { ether: ALL })], [ARP]],
  ['a ping with options in the header is no other', [KNOWN, icmp('10.0.0.1', '10.0.0.2', 8, {}, new Uint8Array(1400))], [ARP, `${BACK} len 1428 icmp 0/0 0.7.0.1 "1400 bytes"`]],
  ['UDP to a closed port', [KNOWN, udp('10.0.0.1', '10.0.0.2', 9, text('hello'))], [ARP, `${BACK} tos 192 len 61 icmp 3/3 0.0.0.0 of 33 bytes`]],
  ['much UDP to a closed port', [KNOWN, udp('10.0.0.1', '10.0.0.2', 9, new Uint8Array(1000))], [ARP, `${BACK} tos 192 len 576 icmp 3/3 0.0.0.0 of 548 bytes`]],
  ['UDP with a wrong checksum', [KNOWN, udp('10.0.0.1', '10.0.0.2', 9, text('hello'), { spoil: 27 })], [ARP]],
  ['UDP to a closed port of all', [KNOWN, udp('10.0.0.1', '10.0.0.255', 9, text('hello'), { ether: ALL })], [ARP]],
  ['a protocol of nobody', [KNOWN, ip('10.0.0.1', '10.0.0.2', 200, text('hello'))], [ARP, `${BACK} tos 192 len 53 icmp 3/2 0.0.0.0 of 25 bytes`]],
  ['SYN to a closed port', [KNOWN, tcp('10.0.0.1', '10.0.0.2', SYN)], [ARP, `${BACK} df len 40 tcp 81>5000 RST ACK  ""`]],
  ['ACK to a closed port', [KNOWN, tcp('10.0.0.1', '10.0.0.2', ACK, 77)], [ARP, `${BACK} df len 40 tcp 81>5000 RST  ""`]],
  ['FIN to a closed port', [KNOWN, tcp('10.0.0.1', '10.0.0.2', FIN)], [ARP, `${BACK} df len 40 tcp 81>5000 RST ACK  ""`]],
  ['RST to a closed port', [KNOWN, tcp('10.0.0.1', '10.0.0.2', RST)], [ARP]],
  ['for others, and it is no router', [KNOWN, icmp('10.0.0.1', '10.1.0.9', 8)], [ARP]],
  ['no way', [KNOWN, icmp('10.0.0.1', '192.0.2.1', 8)], [ARP, `${BACK} tos 192 len 60 icmp 3/0 0.0.0.0 of 32 bytes`], true],
  ['at its end', [KNOWN, icmp('10.0.0.1', '10.1.0.9', 8, { ttl: 1 })], [ARP, `${BACK} tos 192 len 60 icmp 11/0 0.0.0.0 of 32 bytes`], true],

  ['IPv6: a solicitation', [KNOWN6], [ND]],
  ['IPv6: for another address', [solicit('fd00::1', 'fd00::3')], []],
  ['IPv6: a ping', [KNOWN6, icmp('fd00::1', 'fd00::2', 128)], [ND, `${BACK6} len 52 icmp 129/0 0.7.0.1 "ping"`]],
  ['IPv6: a ping with a wrong checksum', [KNOWN6, icmp('fd00::1', 'fd00::2', 128, { spoil: 42 })], [ND]],
  ['IPv6: a ping to another address of the host', [KNOWN6, icmp('fd00::1', 'fd01::2', 128)], [ND, `${B_A} fd01::2>fd00::1 ttl 64 len 52 icmp 129/0 0.7.0.1 "ping"`]],
  ['IPv6: UDP to a closed port', [KNOWN6, udp('fd00::1', 'fd00::2', 9, text('hello'))], [ND, `${BACK6} len 101 icmp 1/4 0.0.0.0 of 53 bytes`]],
  ['IPv6: much UDP to a closed port', [KNOWN6, udp('fd00::1', 'fd00::2', 9, new Uint8Array(1400))], [ND, `${BACK6} len 1280 icmp 1/4 0.0.0.0 of 1232 bytes`]],
  ['IPv6: SYN to a closed port', [KNOWN6, tcp('fd00::1', 'fd00::2', SYN)], [ND, `${BACK6} len 60 tcp 81>5000 RST ACK  ""`]],
  ['IPv6: a protocol of nobody', [KNOWN6, ip('fd00::1', 'fd00::2', 200, text('hello'))], [ND, `${BACK6} len 93 icmp 4/1 0.0.0.6 of 45 bytes`]],
  ['IPv6: for others, and it is no router', [KNOWN6, icmp('fd00::1', 'fd01::9', 128)], [ND]],
  ['IPv6: no way', [KNOWN6, icmp('fd00::1', '2001:db8::1', 128)], [ND.replace('96.0.0.0', '224.0.0.0'), `${BACK6} len 100 icmp 1/0 0.0.0.0 of 52 bytes`], true],
  ['IPv6: at its end', [KNOWN6, icmp('fd00::1', 'fd01::9', 128, { ttl: 1 })], [ND.replace('96.0.0.0', '224.0.0.0'), `${BACK6} len 100 icmp 3/0 0.0.0.0 of 52 bytes`], true],
  // Last, since Linux goes on asking.
  ['for others, forwarded: it asks first', [KNOWN, icmp('10.0.0.1', '10.1.0.9', 8)], [ARP, `w0 2:0:0:0:0:b>ff:ff:ff:ff:ff:ff arp request 10.1.0.2 at 2:0:0:0:0:b, 10.1.0.9 at 0:0:0:0:0:0`], true],
  ['by a gateway: it asks for that', [KNOWN, icmp('10.0.0.1', '10.7.1.1', 8)], [ARP, `w0 2:0:0:0:0:b>ff:ff:ff:ff:ff:ff arp request 10.1.0.2 at 2:0:0:0:0:b, 10.1.0.7 at 0:0:0:0:0:0`], true],
];
