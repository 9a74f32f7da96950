import { skReuseportMd } from '../../../uapi/contexts.ts';
import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import { AF_INET } from '../inet/address.ts';
import { etherFrame, type IpPacket } from '../inet/packet.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Device } from '../net/device.ts';
import { ETH_HLEN, PACKET_HOST } from '../progs/frame.ts';
import { ReuseportSelection } from '../progs/reuseport.ts';
import { Skb } from '../progs/skb.ts';
import { type Flow, flowHash } from '../sockets/endpoint.ts';
import type { Socket } from '../sockets/socket.ts';
import { runTcProgram, type TcProgram } from './tc-program.ts';

const SK_PASS = 1;
const NO_ADDRESS = new Uint8Array(6);

/** Runs a socket filter over a packet, from its UDP or TCP header on. How many of those bytes the socket gets; 0: none. */
export function runSocketFilter(program: TcProgram, socket: Socket, device: Device, packet: IpPacket): number {
  const skb = skbOf(device, packet);
  if (skb === undefined) return 0;
  try {
    skb.sender = socket;
    const { value, fault } = runTcProgram(device.network.machine, program, skb);
    return fault === undefined ? value >>> 0 : 0;
  } finally {
    skb.free();
  }
}

/** Lets the program of a SO_REUSEPORT group choose. `undefined`: nobody gets the packet. */
export function selectReuseport(
  program: TcProgram,
  group: readonly Socket[],
  flow: Flow,
  device: Device,
  packet: IpPacket,
): Socket | undefined {
  const byHash = group[flowHash(flow) % group.length];
  const [first] = group;
  if (first === undefined) return undefined;
  const isClassifier = program.kind === 'classic' || program.prog.attr.type === 1;
  // A filter says which of the sockets, in the order in which they were bound.
  if (isClassifier) return group[runSocketFilter(program, first, device, packet)] ?? byHash;
  const { memory } = device.network.machine;
  const size = skReuseportMd.size;
  const context = memory.alloc(size + packet.payload.length);
  if (context === 0) return byHash;
  try {
    const selection = new ReuseportSelection(first, device);
    const fields = skReuseportMd.encode({
      data: BigInt(context + size),
      data_end: BigInt(context + size + packet.payload.length),
      len: packet.payload.length,
      eth_protocol: packet.family === AF_INET ? 0x0008 : 0xdd86,
      ip_protocol: packet.protocol,
      bind_inany: first.local.address.every((byte) => byte === 0) ? 1 : 0,
      hash: flowHash(flow),
      sk: BigInt(device.network.machine.socketViews.show(first)),
    });
    memory.u8.set(fields, context);
    memory.u8.set(packet.payload, context + size);
    const { value, fault } = interpreterOf(device.network.machine).runProgram(program.prog, context, selection);
    if (fault !== undefined || value !== SK_PASS) return undefined;
    return selection.selected ?? byHash;
  } finally {
    memory.free(context);
  }
}

/** The packet as programs of sockets see it: from the transport header on. */
function skbOf(device: Device, packet: IpPacket): Skb | undefined {
  const { memory } = device.network.machine;
  const protocol = packet.family === AF_INET ? ETH_P_IP : ETH_P_IPV6;
  const frame = etherFrame(device.address ?? NO_ADDRESS, NO_ADDRESS, protocol, packet.bytes);
  const skb = Skb.create(memory, {
    frame,
    netns: device.network,
    ifindex: device.ifindex,
    ingressIfindex: device.ifindex,
    pktType: PACKET_HOST,
  });
  if (skb !== undefined) skb.data += ETH_HLEN + packet.bytes.length - packet.payload.length;
  return skb;
}
