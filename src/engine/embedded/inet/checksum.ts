import { concatBytes } from '../../../bytes/plain.ts';

/** The Internet checksum (RFC 1071) of these bytes: what a header's field, which counts as 0, has to hold. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** That of a UDP, TCP or ICMPv6 message between two addresses: with the pseudo header. 0 if the message has a right one in it. */
export function transportChecksum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  message: Uint8Array,
): number {
  const end = new Uint8Array(8);
  const view = new DataView(end.buffer);
  view.setUint32(0, message.length);
  view.setUint32(4, protocol);
  return checksum(concatBytes([source, destination, end, message]));
}
