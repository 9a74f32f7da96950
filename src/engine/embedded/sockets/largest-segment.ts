import { AF_INET } from '../inet/address.ts';
import { IPV4_HEADER, IPV6_HEADER } from '../inet/packet.ts';
import { allowedSegment } from './program-options.ts';
import type { Socket } from './socket.ts';
import { TCP_HEADER } from './tcp-segment.ts';

const MAX_SEGMENT = 65495;

/** What a segment to a socket may hold at most, by the device that it comes by, and by what programs allow. Bytes. */
export function largestSegment(socket: Socket): number {
  const { network, device } = socket;
  const { family, remote } = socket.flow;
  const way = network.inet.wayTo(remote.address, device);
  const by = typeof way === 'number' || way.route.type === 'local' ? network.loopback : way.route.device;
  const headers = TCP_HEADER + (family === AF_INET ? IPV4_HEADER : IPV6_HEADER);
  return Math.min(MAX_SEGMENT, allowedSegment(socket), (by?.mtu ?? 1500) - headers);
}
