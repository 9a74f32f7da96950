import { concatBytes } from '../../../bytes/plain.ts';
import { AF_INET, AF_INET6, type Family } from './address.ts';
import { checksum } from './checksum.ts';

export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;

export const IPV4_HEADER = 20;
export const IPV6_HEADER = 40;
export const DEFAULT_TTL = 64;
const DONT_FRAGMENT = 0x4000;
const FRAGMENT = 0x3fff; // more fragments, or an offset

/** An IP packet, without extension headers. */
export interface IpPacket {
  readonly family: Family;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Of the payload: IPPROTO_*. */
  readonly protocol: number;
  /** Hop limit. */
  readonly ttl: number;
  /** Type of service, or traffic class. */
  readonly tos: number;
  readonly payload: Uint8Array;
  /** IPv4: must not be cut into pieces. */
  readonly dontFragment: boolean;
  /** The whole packet, from its IP header on; whatever follows it in the frame is left out. */
  readonly bytes: Uint8Array;
}

/** `undefined` if it is none, its checksum is wrong, or it is a fragment: nobody here puts them together. */
export function parsePacket(family: Family, bytes: Uint8Array): IpPacket | undefined {
  return family === AF_INET ? parse4(bytes) : parse6(bytes);
}

function parse4(bytes: Uint8Array): IpPacket | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < IPV4_HEADER || view.getUint8(0) >> 4 !== 4) return undefined;
  const header = 4 * (view.getUint8(0) & 15);
  const total = view.getUint16(2);
  if (header < IPV4_HEADER || total < header || total > bytes.length) return undefined;
  if (checksum(bytes.subarray(0, header)) !== 0 || (view.getUint16(6) & FRAGMENT) !== 0) return undefined;
  return {
    family: AF_INET,
    source: bytes.subarray(12, 16),
    destination: bytes.subarray(16, 20),
    protocol: view.getUint8(9),
    ttl: view.getUint8(8),
    tos: view.getUint8(1),
    payload: bytes.subarray(header, total),
    dontFragment: (view.getUint16(6) & DONT_FRAGMENT) !== 0,
    bytes: bytes.subarray(0, total),
  };
}

function parse6(bytes: Uint8Array): IpPacket | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < IPV6_HEADER || view.getUint8(0) >> 4 !== 6) return undefined;
  const total = IPV6_HEADER + view.getUint16(4);
  if (total > bytes.length) return undefined;
  return {
    family: AF_INET6,
    source: bytes.subarray(8, 24),
    destination: bytes.subarray(24, 40),
    protocol: view.getUint8(6),
    ttl: view.getUint8(7),
    tos: (view.getUint16(0) >> 4) & 0xff,
    payload: bytes.subarray(IPV6_HEADER, total),
    dontFragment: true,
    bytes: bytes.subarray(0, total),
  };
}

export interface PacketHeader extends Pick<IpPacket, 'family' | 'source' | 'destination' | 'protocol' | 'payload'> {
  readonly ttl?: number | undefined;
  readonly tos?: number | undefined;
  readonly dontFragment?: boolean | undefined;
  /** IPv4: the identification of the packet. */
  readonly id?: number | undefined;
}

/** The packet with its IP header; IPv4 with its checksum. */
export function encodePacket(packet: PacketHeader): Uint8Array {
  const { family, payload, ttl = DEFAULT_TTL, tos = 0 } = packet;
  const header = family === AF_INET ? IPV4_HEADER : IPV6_HEADER;
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(payload, header);
  if (family === AF_INET6) {
    view.setUint32(0, 0x6000_0000 | (tos << 20));
    view.setUint16(4, payload.length);
    bytes.set([packet.protocol, ttl], 6);
    bytes.set(packet.source, 8);
    bytes.set(packet.destination, 24);
    return bytes;
  }
  bytes.set([0x45, tos]);
  view.setUint16(2, bytes.length);
  view.setUint16(4, packet.id ?? 0);
  view.setUint16(6, packet.dontFragment ? DONT_FRAGMENT : 0);
  bytes.set([ttl, packet.protocol], 8);
  bytes.set(packet.source, 12);
  bytes.set(packet.destination, 16);
  view.setUint16(10, checksum(bytes.subarray(0, IPV4_HEADER)));
  return bytes;
}

/** The packet as a router sends it on: with one hop less. */
export function oneHopLess({ family, bytes, ttl }: IpPacket): Uint8Array {
  const next = bytes.slice();
  if (family === AF_INET6) {
    next[7] = ttl - 1;
    return next;
  }
  const header = 4 * ((next[0] ?? 0) & 15);
  next[8] = ttl - 1;
  next.set([0, 0], 10);
  new DataView(next.buffer).setUint16(10, checksum(next.subarray(0, header)));
  return next;
}

export function etherFrame(to: Uint8Array, from: Uint8Array, protocol: number, payload: Uint8Array): Uint8Array {
  return concatBytes([to, from, Uint8Array.of(protocol >> 8, protocol & 0xff), payload]);
}
