import { concatBytes } from '../../../bytes/plain.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Device } from '../net/device.ts';
import { PACKET_HOST } from '../progs/frame.ts';
import { AF_INET, AF_INET6, type Family, isMulticast, isUnspecified } from './address.ts';
import { checksum, transportChecksum } from './checksum.ts';
import type { Incoming, IpStack } from './ip-stack.ts';
import { NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, receiveAdvertisement, receiveSolicitation } from './ndisc.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPV4_HEADER, IPV6_HEADER, type IpPacket } from './packet.ts';

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
const ECHO_REQUEST6 = 128;
const ECHO_REPLY6 = 129;
const HEADER = 8;
/** Bytes at most of an error message, from its IP header on: what every host must take. */
const MAX_ERROR: Readonly<Record<Family, number>> = { [AF_INET]: 576, [AF_INET6]: 1280 };

interface Reason {
  /** Type and code of ICMP and of ICMPv6. */
  readonly v4: readonly [number, number];
  readonly v6: readonly [number, number];
}
/** Why a packet is given back to who sent it. */
// biome-ignore format: aligned table
export const UNREACHABLE = {
  network:  { v4: [3, 0],  v6: [1, 0] },
  host:     { v4: [3, 1],  v6: [1, 3] },
  protocol: { v4: [3, 2],  v6: [4, 1] },
  port:     { v4: [3, 3],  v6: [1, 4] },
  tooLong:  { v4: [3, 4],  v6: [2, 0] },
  ttl:      { v4: [11, 0], v6: [3, 0] },
} as const satisfies Record<string, Reason>;

/** What a socket is told for the codes of "destination unreachable": an errno, and whether all further packets would fare likewise. */
// biome-ignore format: aligned lists
const CODES: Readonly<Record<Family, readonly (readonly [error: number, fatal: boolean])[]>> = {
  [AF_INET]: [
    [errno.ENETUNREACH, false], [errno.EHOSTUNREACH, false], [errno.ENOPROTOOPT, true],  [errno.ECONNREFUSED, true],
    [errno.EMSGSIZE, false],    [errno.EOPNOTSUPP, false],   [errno.ENETUNREACH, true],  [errno.EHOSTDOWN, true],
    [errno.ENONET, true],       [errno.ENETUNREACH, true],   [errno.EHOSTUNREACH, true], [errno.ENETUNREACH, false],
    [errno.EHOSTUNREACH, false], [errno.EHOSTUNREACH, true],
  ],
  [AF_INET6]: [
    [errno.ENETUNREACH, false], [errno.EACCES, true],        [errno.EHOSTUNREACH, false], [errno.EHOSTUNREACH, false],
    [errno.ECONNREFUSED, true], [errno.EACCES, true],        [errno.EACCES, true],
  ],
};

export function receiveIcmp(stack: IpStack, device: Device, frame: Incoming, packet: IpPacket): void {
  const { payload, family } = packet;
  if (payload.length < HEADER || packet.protocol !== (family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6)) return;
  if (icmpChecksum(family, packet.source, packet.destination, payload) !== 0) return;
  const [type = 0, code = 0] = payload;
  if (family === AF_INET) {
    if (type === ECHO_REQUEST && frame.pktType === PACKET_HOST) echo(stack, packet, ECHO_REPLY);
    else if (type === UNREACHABLE.port.v4[0]) tellSocket(stack, family, payload, code);
    return;
  }
  switch (type) {
    case ECHO_REQUEST6:
      echo(stack, packet, ECHO_REPLY6);
      return;
    case NEIGHBOUR_SOLICITATION:
      receiveSolicitation(stack, device, packet);
      return;
    case NEIGHBOUR_ADVERTISEMENT:
      receiveAdvertisement(stack, device, packet);
      return;
    case UNREACHABLE.port.v6[0]:
      tellSocket(stack, family, payload, code);
      return;
  }
}

function echo(stack: IpStack, { family, source, destination, protocol, payload, tos }: IpPacket, type: number): void {
  if (isMulticast(destination)) return;
  const answer = payload.slice();
  answer[0] = type;
  send(stack, { family, source: destination, destination: source, protocol, tos, payload: answer });
}

/** Gives a packet back to its sender. `detail`: the MTU for one that is too long; where in an IPv6 header the trouble is. */
export function sendUnreachable(stack: IpStack, packet: IpPacket, reason: Reason, detail = 0): void {
  const { family, source, destination, protocol, payload } = packet;
  if (isMulticast(destination) || isUnspecified(source)) return;
  const isError =
    family === AF_INET
      ? protocol === IPPROTO_ICMP && payload[0] !== ECHO_REQUEST
      : protocol === IPPROTO_ICMPV6 && (payload[0] ?? 0) < 128;
  if (isError) return;
  const header = family === AF_INET ? IPV4_HEADER : IPV6_HEADER;
  const quoted = packet.bytes.subarray(0, MAX_ERROR[family] - header - HEADER);
  const message = concatBytes([
    Uint8Array.of(...(family === AF_INET ? reason.v4 : reason.v6), 0, 0, 0, 0, 0, 0),
    quoted,
  ]);
  new DataView(message.buffer).setUint32(4, detail);
  const ours = stack.addresses.has(destination) ? destination : undefined;
  const way = ours === undefined ? stack.wayTo(source) : { source: ours };
  if (typeof way === 'number') return;
  send(stack, {
    family,
    source: way.source,
    destination: source,
    protocol: family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6,
    tos: family === AF_INET ? 0xc0 : 0,
    payload: message,
  });
}

interface Message extends Pick<IpPacket, 'family' | 'source' | 'destination' | 'protocol' | 'tos' | 'payload'> {}

function send(stack: IpStack, message: Message): void {
  const { family, source, destination, payload } = message;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  view.setUint16(2, 0);
  view.setUint16(2, icmpChecksum(family, source, destination, payload));
  stack.send(message);
}

function icmpChecksum(family: Family, source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  return family === AF_INET ? checksum(message) : transportChecksum(source, destination, IPPROTO_ICMPV6, message);
}

/** A packet that one of our sockets sent came back. */
function tellSocket(stack: IpStack, family: Family, payload: Uint8Array, code: number): void {
  const quoted = payload.subarray(HEADER);
  const header = family === AF_INET ? 4 * ((quoted[0] ?? 0) & 15) : IPV6_HEADER;
  if (quoted.length < header + 8) return;
  const view = new DataView(quoted.buffer, quoted.byteOffset, quoted.byteLength);
  const [from, size] = family === AF_INET ? [12, 4] : [8, 16];
  const [error, fatal] = CODES[family][code] ?? [errno.EHOSTUNREACH, true];
  stack.sockets.unreachable(
    {
      family,
      protocol: view.getUint8(family === AF_INET ? 9 : 6),
      local: { address: quoted.slice(from, from + size), port: view.getUint16(header) },
      remote: { address: quoted.slice(from + size, from + 2 * size), port: view.getUint16(header + 2) },
    },
    error,
    fatal,
  );
}
