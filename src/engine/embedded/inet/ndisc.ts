import { concatBytes } from '../../../bytes/plain.ts';
import { ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import type { Device } from '../net/device.ts';
import { AF_INET6, isMulticast, isUnspecified } from './address.ts';
import { transportChecksum } from './checksum.ts';
import type { IpStack } from './ip-stack.ts';
import { type Neighbour, NUD } from './neighbours.ts';
import { encodePacket, etherFrame, IPPROTO_ICMPV6, type IpPacket } from './packet.ts';

export const NEIGHBOUR_SOLICITATION = 135;
export const NEIGHBOUR_ADVERTISEMENT = 136;
/** So that it cannot have come through a router. */
const HOP_LIMIT = 255;
const SOURCE_HARDWARE = 1;
const TARGET_HARDWARE = 2;
const ROUTER = 0x80;
const SOLICITED = 0x40;
const OVERRIDE = 0x20;
/** Bytes: type, code, checksum, flags, target. Options follow. */
const HEADER = 24;

/** Asks who has a neighbour's address, all those whose addresses end like it. */
export function sendSolicitation(stack: IpStack, { device, address }: Neighbour, packet: Uint8Array): void {
  const wanted = packet.subarray(8, 24);
  const source = stack.addresses.has(wanted) ? wanted : stack.addresses.on(device, AF_INET6)[0]?.address;
  if (source === undefined) return;
  const end = address.subarray(13);
  const to = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...end);
  const hardware = Uint8Array.of(0x33, 0x33, 0xff, ...end);
  send(
    stack,
    device,
    hardware,
    source,
    to,
    message(NEIGHBOUR_SOLICITATION, 0, address, SOURCE_HARDWARE, device.address),
  );
}

export function receiveSolicitation(stack: IpStack, device: Device, packet: IpPacket): void {
  const target = packet.payload.slice(8, HEADER);
  if (!isValid(packet) || stack.routes.lookup(target)?.type !== 'local') return;
  const hardware = option(packet.payload, SOURCE_HARDWARE);
  if (isUnspecified(packet.source)) return; // somebody looks whether the address is free: that is not simulated
  const asker = stack.neighbours.obtain(device, packet.source);
  if (asker !== undefined && hardware !== undefined && (asker.state & NUD.permanent) === 0)
    stack.neighbours.update(asker, hardware, asker.state === NUD.reachable ? NUD.reachable : NUD.stale);
  const to = hardware ?? asker?.hardware;
  if (to === undefined) return;
  const flags = (stack.forwarding[AF_INET6] ? ROUTER : 0) | SOLICITED | OVERRIDE;
  const answer = message(NEIGHBOUR_ADVERTISEMENT, flags, target, TARGET_HARDWARE, device.address);
  send(stack, device, to, target, packet.source, answer);
}

export function receiveAdvertisement(stack: IpStack, device: Device, packet: IpPacket): void {
  const known = stack.neighbours.find(device, packet.payload.slice(8, HEADER));
  const hardware = option(packet.payload, TARGET_HARDWARE);
  if (!isValid(packet) || known === undefined || hardware === undefined || (known.state & NUD.permanent) !== 0) return;
  const solicited = ((packet.payload[4] ?? 0) & SOLICITED) !== 0;
  stack.neighbours.update(known, hardware, solicited ? NUD.reachable : NUD.stale);
}

function isValid({ ttl, payload }: IpPacket): boolean {
  return ttl === HOP_LIMIT && payload.length >= HEADER && !isMulticast(payload.subarray(8, HEADER));
}

/** The hardware address in an option. */
function option(payload: Uint8Array, type: number): Uint8Array | undefined {
  for (let at = HEADER; at + 8 <= payload.length; ) {
    if (payload[at] === type) return payload.slice(at + 2, at + 8);
    const length = 8 * (payload[at + 1] ?? 0);
    if (length === 0) return undefined;
    at += length;
  }
  return undefined;
}

function message(type: number, flags: number, target: Uint8Array, kind: number, hardware: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(type, 0, 0, 0, flags, 0, 0, 0), target, Uint8Array.of(kind, 1), hardware]);
}

function send(
  stack: IpStack,
  device: Device,
  to: Uint8Array,
  source: Uint8Array,
  destination: Uint8Array,
  payload: Uint8Array,
): void {
  new DataView(payload.buffer).setUint16(2, transportChecksum(source, destination, IPPROTO_ICMPV6, payload));
  const packet = encodePacket({
    family: AF_INET6,
    source,
    destination,
    protocol: IPPROTO_ICMPV6,
    ttl: HOP_LIMIT,
    payload,
  });
  if (!stack.mayLeave({ family: AF_INET6, bytes: packet, to: device, mark: 0, priority: 0 }, device)) return;
  const bytes = etherFrame(to, device.address, ETH_P_IPV6, packet);
  stack.transmitFrame(device, { bytes, mark: 0, priority: 0, ingressIfindex: 0 });
}
