import { AF_INET, AF_INET6, formatAddress } from '../../src/engine/embedded/inet/address.ts';
import { checksum, transportChecksum } from '../../src/engine/embedded/inet/checksum.ts';
import { type IpPacket, parsePacket } from '../../src/engine/embedded/inet/packet.ts';
import { parseSegment } from '../../src/engine/embedded/sockets/tcp-segment.ts';

/** A frame as text, with all that is the same on each run, and whether the checksums of IP and ICMP are right. */
export function showFrame(frame: Uint8Array): string {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const type = view.getUint16(12);
  const link = `${mac(frame.subarray(6, 12))}>${mac(frame.subarray(0, 6))}`;
  const rest = frame.subarray(14);
  if (type === 0x0806) return `${link} ${showArp(rest)}`;
  const packet =
    type === 0x0800 ? parsePacket(AF_INET, rest) : type === 0x86dd ? parsePacket(AF_INET6, rest) : undefined;
  return `${link} ${packet === undefined ? `type ${type.toString(16)}` : showPacket(packet)}`;
}

function mac(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16)).join(':');
}

function showArp(bytes: Uint8Array): string {
  const party = (at: number) =>
    `${formatAddress(bytes.subarray(at + 6, at + 10))} at ${mac(bytes.subarray(at, at + 6))}`;
  return `arp ${bytes[7] === 1 ? 'request' : 'reply'} ${party(8)}, ${party(18)}`;
}

function showPacket(packet: IpPacket): string {
  const { source, destination, ttl, tos, dontFragment, family, bytes } = packet;
  const df = family === AF_INET && dontFragment ? ' df' : '';
  const head = `${formatAddress(source)}>${formatAddress(destination)} ttl ${ttl}${tos === 0 ? '' : ` tos ${tos}`}${df} len ${bytes.length}`;
  return `${head} ${showPayload(packet)}`;
}

function showPayload({ source, destination, protocol, payload, family }: IpPacket): string {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  // Linux leaves those of UDP and TCP to the device, which a veth never asks for.
  const sum =
    protocol === 1
      ? checksum(payload)
      : protocol === 58
        ? transportChecksum(source, destination, protocol, payload)
        : 0;
  const ok = sum === 0 ? '' : ' BAD CHECKSUM';
  switch (protocol) {
    case 1:
    case 58:
      return `icmp ${payload[0]}/${payload[1]} ${[...payload.subarray(4, 8)].join('.')} ${showIcmp(payload, family)}${ok}`;
    case 17:
      return `udp ${view.getUint16(0)}>${view.getUint16(2)} "${text(payload.subarray(8))}"${ok}`;
    case 6:
      return `tcp ${showTcp(payload)}${ok}`;
    default:
      return `protocol ${protocol}`;
  }
}

/** Error messages: how much of the packet is in them. */
function showIcmp(payload: Uint8Array, family: number): string {
  const type = payload[0] ?? 0;
  const quotes = family === AF_INET ? [3, 11].includes(type) : type < 128;
  if (quotes) return `of ${payload.length - 8} bytes`;
  if (type === 135 || type === 136)
    return `${formatAddress(payload.subarray(8, 24))} ${[...payload.subarray(24)].join('.')}`;
  return `"${text(payload.subarray(8))}"`;
}

/** Without numbers that are random: ports that were chosen, sequence numbers, times. */
function showTcp(payload: Uint8Array): string {
  const segment = parseSegment({ payload } as IpPacket); // only the payload is read
  if (segment === undefined) return 'no header';
  const flags = ['FIN', 'SYN', 'RST', 'PSH', 'ACK'].filter((_, i) => segment.flags & (1 << i)).join(' ');
  const port = (n: number) => (n >= 32768 ? '*' : n);
  const { mss, scale, timestamps, payload: data } = segment;
  const options = [mss && `mss ${mss}`, scale !== undefined && 'scaled', timestamps && 'times']
    .filter(Boolean)
    .join(' ');
  return `${port(segment.sourcePort)}>${port(segment.destinationPort)} ${flags} ${options} "${text(data)}"`;
}

function text(bytes: Uint8Array): string {
  return bytes.length > 40 ? `${bytes.length} bytes` : new TextDecoder('latin1').decode(bytes);
}
