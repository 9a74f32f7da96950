import type { IpPacket } from '../inet/packet.ts';
import type { Network } from '../net/network.ts';
import { ACK, encodeSegment, FIN, parseSegment, RST, SYN } from './tcp-segment.ts';

const EMPTY = new Uint8Array(0);

/** Answers a segment that no socket wants with RST. */
export function refuseSegment(network: Network, packet: IpPacket): void {
  const segment = parseSegment(packet);
  if (segment === undefined || (segment.flags & RST) !== 0) return;
  const acked = (segment.flags & ACK) !== 0;
  const length = segment.payload.length + ((segment.flags & SYN) === 0 ? 0 : 1) + ((segment.flags & FIN) === 0 ? 0 : 1);
  const answer = encodeSegment(packet.destination, packet.source, {
    sourcePort: segment.destinationPort,
    destinationPort: segment.sourcePort,
    seq: acked ? segment.ack : 0,
    ack: acked ? 0 : (segment.seq + length) >>> 0,
    flags: acked ? RST : RST | ACK,
    window: 0,
    mss: undefined,
    scale: undefined,
    timestamps: undefined,
    payload: EMPTY,
  });
  network.inet.send({
    family: packet.family,
    source: packet.destination,
    destination: packet.source,
    protocol: packet.protocol,
    dontFragment: true,
    payload: answer,
  });
}
