import { errno } from '../../../uapi/errno.ts';
import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import type { HookedPacket } from '../hooks/netfilter.ts';
import type { Device } from '../net/device.ts';
import type { Network } from '../net/network.ts';
import type { Frame } from '../net/traffic.ts';
import { ETH_HLEN, frameProtocol, PACKET_HOST, PACKET_OTHERHOST } from '../progs/frame.ts';
import type { Socket } from '../sockets/socket.ts';
import { SocketTable } from '../sockets/socket-table.ts';
import {
  AF_INET,
  AF_INET6,
  type Family,
  familyOf,
  isLimitedBroadcast,
  isLoopback,
  isMulticast,
  isUnspecified,
} from './address.ts';
import { AddressTable } from './addresses.ts';
import { ETH_P_ARP, receiveArp, sendArpRequest } from './arp.ts';
import { receiveIcmp, sendUnreachable, UNREACHABLE } from './icmp.ts';
import { LocalRoutes } from './local-routes.ts';
import { sendSolicitation } from './ndisc.ts';
import { type Neighbour, NeighbourTable, NUD, NUD_VALID, wait } from './neighbours.ts';
import {
  encodePacket,
  etherFrame,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  type IpPacket,
  oneHopLess,
  type PacketHeader,
  parsePacket,
} from './packet.ts';
import { kernelRoute, type Route, RouteTable, RT_TABLE_MAIN } from './routes.ts';
import { sourceFor } from './source-address.ts';

/** How often, and after how many nanoseconds each, a neighbour is asked for its hardware address. */
const SOLICITATIONS = 3;
const SOLICIT_NS = 1_000_000_000n;
/** Where an IPv6 header says what follows. */
const NEXT_HEADER = 6;

/** A frame that came in, as the hooks left it. */
export interface Incoming extends Frame {
  /** PACKET_*. */
  readonly pktType: number;
  /** The socket that a program chose for it. */
  readonly assigned: Socket | undefined;
}

/** What a sender wants of a packet's way. */
export interface SendOptions {
  /** Only by this device. */
  readonly device?: Device | undefined;
  readonly mark?: number | undefined;
  readonly priority?: number | undefined;
  readonly sender?: Socket | undefined;
}

/** The IP stack of a namespace: which packets are for it, and where those that it sends go. */
export class IpStack {
  readonly network: Network;
  readonly addresses = new AddressTable();
  readonly routes = new RouteTable();
  readonly neighbours = new NeighbourTable();
  readonly sockets: SocketTable;
  /** Whether packets for others are sent on. */
  readonly forwarding: Record<Family, boolean> = { [AF_INET]: false, [AF_INET6]: false };
  readonly local: LocalRoutes;
  #lastId = 0;

  constructor(network: Network) {
    this.network = network;
    this.local = new LocalRoutes(this);
    this.sockets = new SocketTable(network);
  }

  /** A frame that came in, past all hooks. */
  receive(device: Device, frame: Incoming): void {
    if (frame.pktType === PACKET_OTHERHOST) return;
    const bytes = frame.bytes.subarray(ETH_HLEN);
    switch (frameProtocol(frame.bytes, 0)) {
      case ETH_P_ARP:
        receiveArp(this, device, bytes);
        return;
      case ETH_P_IP:
        this.#receivePacket(device, frame, parsePacket(AF_INET, bytes));
        return;
      case ETH_P_IPV6:
        this.#receivePacket(device, frame, parsePacket(AF_INET6, bytes));
        return;
    }
  }

  #receivePacket(device: Device, frame: Incoming, packet: IpPacket | undefined): void {
    if (packet === undefined) return;
    const plausible = this.#isPlausible(device, packet);
    // Whose word comes first: the programs' with IPv4.
    if (!plausible && packet.family === AF_INET6) return;
    if (!this.network.netfilter.accepts('prerouting', hooked(packet, frame, device)) || !plausible) return;
    const route = this.routes.lookup(packet.destination);
    const forUs =
      route?.type === 'local' ||
      route?.type === 'broadcast' ||
      isLimitedBroadcast(packet.destination) ||
      isMulticast(packet.destination);
    if (forUs) this.#deliver(device, frame, packet);
    else if (frame.pktType === PACKET_HOST && this.forwarding[packet.family])
      this.#forward(device, frame, packet, route);
  }

  /** Nobody comes by a wire from an address that is ours, or from none. */
  #isPlausible(device: Device, { source, destination }: IpPacket): boolean {
    if (isMulticast(source) || isLimitedBroadcast(source)) return false;
    if (device.kind === 'loopback') return true;
    if (isLoopback(source) || isLoopback(destination)) return false;
    if (isUnspecified(source)) return source.length === 16 || isLimitedBroadcast(destination);
    return source.length === 16 || !this.addresses.has(source);
  }

  #deliver(device: Device, frame: Incoming, packet: IpPacket): void {
    if (!this.network.netfilter.accepts('input', hooked(packet, frame, device))) return;
    switch (packet.protocol) {
      case IPPROTO_ICMP:
      case IPPROTO_ICMPV6:
        receiveIcmp(this, device, frame, packet);
        return;
      case IPPROTO_UDP:
      case IPPROTO_TCP:
        this.sockets.receive(device, frame, packet);
        return;
      default:
        if (frame.pktType === PACKET_HOST)
          sendUnreachable(this, packet, UNREACHABLE.protocol, packet.family === AF_INET6 ? NEXT_HEADER : 0);
    }
  }

  #forward(from: Device, frame: Incoming, packet: IpPacket, route: Route | undefined): void {
    if (packet.ttl <= 1) sendUnreachable(this, packet, UNREACHABLE.ttl);
    else if (route?.device === undefined || route.type !== 'unicast')
      sendUnreachable(this, packet, UNREACHABLE.network);
    else if (packet.bytes.length > route.device.mtu)
      sendUnreachable(this, packet, UNREACHABLE.tooLong, route.device.mtu);
    else {
      const kept = { mark: frame.mark, priority: frame.priority, ingressIfindex: from.ifindex };
      const nextHop = route.gateway ?? packet.destination;
      const bytes = oneHopLess(packet);
      const { netfilter } = this.network;
      const at = hooked({ family: packet.family, bytes }, frame, from, route.device);
      if (!netfilter.accepts('forward', at) || !netfilter.accepts('postrouting', at)) return;
      this.#toNeighbour(route.device, nextHop, { ...kept, bytes }, () =>
        sendUnreachable(this, packet, UNREACHABLE.host),
      );
    }
  }

  /** Where a packet would go, and the address that it would come from; -errno if nowhere. */
  wayTo(destination: Uint8Array, device?: Device): { readonly route: Route; readonly source: Uint8Array } | number {
    const route = this.routes.lookup(destination, { device }) ?? anywhere(destination, device);
    if (route === undefined) return -errno.ENETUNREACH;
    switch (route.type) {
      case 'unreachable':
        return -errno.EHOSTUNREACH;
      case 'prohibit':
        return -errno.EACCES;
      case 'blackhole':
        return -errno.EINVAL;
      default: {
        const source = sourceFor(this.addresses, route, destination);
        return source === undefined ? -errno.EADDRNOTAVAIL : { route, source };
      }
    }
  }

  /** Sends a packet of this host. 0 or -errno; that nobody takes it shows later, if at all. */
  send(header: PacketHeader, options: SendOptions = {}): number {
    const { family, destination } = header;
    const way = this.wayTo(destination, options.device);
    if (typeof way === 'number') return way;
    const bytes = encodePacket({ ...header, id: header.dontFragment ? 0 : ++this.#lastId & 0xffff });
    const local = way.route.type === 'local' || isLoopback(destination);
    const device = local ? this.network.loopback : way.route.device;
    if (device === undefined || !device.up) return local ? 0 : -errno.ENETUNREACH;
    if (bytes.length > device.mtu) return -errno.EMSGSIZE;
    const { mark = 0, priority = 0, sender } = options;
    if (!this.mayLeave({ family, bytes, to: device, mark, priority })) return -errno.EPERM;
    const refused = sender?.hooks.egress(sender, device, bytes) ?? 0;
    if (refused !== 0) return refused;
    const frame = { bytes, mark, priority, ingressIfindex: 0, sender };
    const unreachable = () => sender?.unreachable(errno.EHOSTUNREACH, false);
    if (local) this.#transmit(device, frame, new Uint8Array(6), new Uint8Array(6));
    else if (way.route.type === 'broadcast' || isLimitedBroadcast(destination))
      this.#transmit(device, frame, new Uint8Array(6).fill(0xff));
    else if (isMulticast(destination)) this.#transmit(device, frame, multicastHardware(family, destination));
    else this.#toNeighbour(device, way.route.gateway ?? destination, frame, unreachable);
    return 0;
  }

  /** What netfilter programs say of a packet of this host. `from`: the device that those behind the routes are told that it came by. */
  mayLeave(packet: HookedPacket, from?: Device): boolean {
    const { netfilter } = this.network;
    return netfilter.accepts('output', packet) && netfilter.accepts('postrouting', { ...packet, from });
  }

  /** bpf_redirect_neigh: a frame whose link header does not count. */
  redirectToNeighbour(device: Device, nextHop: Uint8Array | undefined, frame: Frame): void {
    const protocol = frameProtocol(frame.bytes, 0);
    const family = protocol === ETH_P_IP ? AF_INET : protocol === ETH_P_IPV6 ? AF_INET6 : undefined;
    const bytes = frame.bytes.subarray(ETH_HLEN);
    const packet = family && parsePacket(family, bytes);
    if (packet === undefined) return;
    const to = packet.destination;
    const route = nextHop === undefined ? (this.routes.lookup(to, { device }) ?? anywhere(to, device)) : undefined;
    if (nextHop === undefined && route?.type !== 'unicast') return;
    this.#toNeighbour(device, nextHop ?? route?.gateway ?? packet.destination, { ...frame, bytes }, () => undefined);
  }

  #toNeighbour(device: Device, nextHop: Uint8Array, packet: Frame, unreachable: () => void): void {
    const neighbour = this.neighbours.obtain(device, nextHop);
    if (neighbour === undefined) return;
    if (device.kind !== 'veth') {
      this.#transmit(device, packet, device.address); // a device without others on it
      return;
    }
    if ((neighbour.state & NUD_VALID) !== 0 && neighbour.hardware !== undefined) {
      this.#transmit(device, packet, neighbour.hardware);
      return;
    }
    wait(neighbour, (hardware) => this.#transmit(device, packet, hardware), unreachable);
    if ((neighbour.state & NUD.incomplete) === 0) {
      neighbour.state = NUD.incomplete;
      this.#solicit(neighbour, packet.bytes, SOLICITATIONS);
    }
  }

  #solicit(neighbour: Neighbour, packet: Uint8Array, left: number): void {
    if (neighbour.state !== NUD.incomplete) return;
    if (left === 0) {
      this.neighbours.fail(neighbour);
      return;
    }
    if (neighbour.address.length === 4) sendArpRequest(this, neighbour, packet);
    else sendSolicitation(this, neighbour, packet);
    this.network.machine.timers.after(SOLICIT_NS, () => {
      this.#solicit(neighbour, packet, left - 1);
      this.network.machine.traffic.drain();
    });
  }

  #transmit(device: Device, packet: Frame, to: Uint8Array, from: Uint8Array = device.address): void {
    const isV6 = (packet.bytes[0] ?? 0) >> 4 === 6;
    this.transmitFrame(device, { ...packet, bytes: etherFrame(to, from, isV6 ? ETH_P_IPV6 : ETH_P_IP, packet.bytes) });
  }

  transmitFrame(device: Device, frame: Frame): void {
    if (device.up) this.network.machine.traffic.transmit(device, frame);
  }

  deviceUp(device: Device): void {
    this.local.deviceUp(device);
  }
  deviceDown(device: Device): void {
    this.local.deviceDown(device);
    this.neighbours.flush(device);
  }
  deviceGone(device: Device): void {
    this.local.deviceGone(device);
    this.neighbours.flush(device);
  }
}

/** A packet that came in, as netfilter programs are shown it. */
function hooked(
  { family, bytes }: Pick<IpPacket, 'family' | 'bytes'>,
  { mark, priority, pktType }: Incoming,
  from: Device,
  to?: Device,
): HookedPacket {
  return { family, bytes, from, to, mark, priority, pktType };
}

function multicastHardware(family: Family, address: Uint8Array): Uint8Array {
  if (family === AF_INET6) return Uint8Array.of(0x33, 0x33, ...address.subarray(12));
  return Uint8Array.of(0x01, 0x00, 0x5e, (address[1] ?? 0) & 0x7f, ...address.subarray(2));
}

/**
 * What goes out of a device that was chosen needs no route if it is for all or for a group; and with IPv4, where there is none, the destination is taken for a
 * neighbour.
 */
function anywhere(destination: Uint8Array, device: Device | undefined): Route | undefined {
  const family = familyOf(destination);
  const type = isMulticast(destination) ? 'multicast' : isLimitedBroadcast(destination) ? 'broadcast' : 'unicast';
  if (device === undefined || (type === 'unicast' && family === AF_INET6)) return undefined;
  return kernelRoute(family, {
    table: RT_TABLE_MAIN,
    type,
    destination,
    prefix: 8 * destination.length,
    device,
    scope: 0,
  });
}
