import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { AF_INET } from '../inet/address.ts';
import type { Device } from '../net/device.ts';
import { ETH_HLEN, PACKET_HOST, PACKET_OUTGOING } from '../progs/frame.ts';
import { Skb } from '../progs/skb.ts';
import type { Socket } from '../sockets/socket.ts';
import { type CgroupVerdict, runCgroupHook } from './run-hook.ts';

/** A packet of a socket on its way out: 0 or -errno. Bit 1 of what a program returns says that there is congestion. */
export function runEgress(socket: Socket, device: Device, packet: Uint8Array): number {
  const verdict = runPacket(socket, device, packet, 'egress');
  if (verdict === undefined || verdict.retval === 0) return 0;
  return (verdict.flags & 1) !== 0 ? -errno.ENOBUFS : verdict.retval;
}

/** A packet for a socket: whether it gets it. */
export function runIngress(socket: Socket, device: Device, packet: Uint8Array): boolean {
  return (runPacket(socket, device, packet, 'ingress')?.retval ?? 0) === 0;
}

/** `undefined`: there are no programs. They see the packet from its IP header on. */
function runPacket(
  socket: Socket,
  device: Device,
  packet: Uint8Array,
  direction: 'ingress' | 'egress',
): CgroupVerdict | undefined {
  const attachType = attachTypeNumber[`cgroup_inet_${direction}`];
  if (socket.cgroup.effective(attachType).length === 0) return undefined;
  const { machine } = socket.network;
  const frame = new Uint8Array(ETH_HLEN + packet.length);
  frame.set(socket.family === AF_INET ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, ETH_HLEN - 2);
  frame.set(packet, ETH_HLEN);
  const skb = Skb.create(machine.memory, {
    netns: socket.network,
    frame,
    ifindex: device.ifindex,
    ingressIfindex: direction === 'ingress' ? device.ifindex : 0,
    pktType: direction === 'ingress' ? PACKET_HOST : PACKET_OUTGOING,
  });
  if (skb === undefined) return { retval: -errno.ENOMEM, flags: 0, fault: undefined };
  skb.sender = socket;
  skb.socketCookie = socket.cookie;
  skb.set('mark', direction === 'egress' ? socket.options.mark : 0);
  skb.set('priority', direction === 'egress' ? socket.options.priority : 0);
  skb.pullLinkHeader();
  const call = { kind: 'cgroup', retval: 0, socket } as const;
  const withFlags = direction === 'egress';
  const verdict = runCgroupHook(machine, socket.cgroup, attachType, skb.context, call, { withFlags, skb });
  skb.free();
  return verdict;
}

const ETHERTYPE_IPV4 = [0x08, 0x00];
const ETHERTYPE_IPV6 = [0x86, 0xdd];
