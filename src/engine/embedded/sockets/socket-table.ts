import { errno } from '../../../uapi/errno.ts';
import { runSocketFilter, selectReuseport } from '../hooks/socket-program.ts';
import { dropTcProgram, holdTcProgram, type TcProgram } from '../hooks/tc-program.ts';
import { formatAddress, isLimitedBroadcast, isMulticast } from '../inet/address.ts';
import { transportChecksum } from '../inet/checksum.ts';
import { sendUnreachable, UNREACHABLE } from '../inet/icmp.ts';
import type { Incoming } from '../inet/ip-stack.ts';
import { IPPROTO_TCP, IPPROTO_UDP, type IpPacket } from '../inet/packet.ts';
import type { Device } from '../net/device.ts';
import type { Network } from '../net/network.ts';
import { type Endpoint, type Flow, flowHash, flowKey } from './endpoint.ts';
import type { Socket } from './socket.ts';
import { overlap, scoreOf } from './socket-score.ts';
import { refuseSegment } from './tcp-refuse.ts';

/** ip_local_port_range. */
const FIRST_PORT = 32768;
const PORTS = 28232;
/** Sockets of one namespace: a caller in a loop must not fill the memory. */
const MAX_SOCKETS = 65536;

/** Which ports are taken, and which socket a packet is for. */
export class SocketTable {
  readonly #network: Network;
  /** Of those that have a port. */
  readonly #byPort = new Map<string, Set<Socket>>();
  /** TCP: of those that are connected, or about to be. */
  readonly #connections = new Map<string, Socket>();
  /** Of groups of sockets that share a port. They are held. */
  readonly #groupPrograms = new Map<string, TcProgram>();
  #count = 0;

  constructor(network: Network) {
    this.#network = network;
  }

  /** Gives a socket this address and port, or a free one for 0. 0 or -errno. */
  takePort(socket: Socket, { address, port }: Endpoint): number {
    if (this.#count >= MAX_SOCKETS) return -errno.ENOBUFS;
    const found = port === 0 ? this.#freePort(socket, address) : port;
    if (found === 0 || this.#conflicts(socket, address, found)) return -errno.EADDRINUSE;
    socket.local = { address, port: found };
    socket.bound = true;
    this.#at(socket).add(socket);
    this.#count++;
    return 0;
  }

  givePort(socket: Socket): void {
    if (!socket.bound) return;
    const sockets = this.#at(socket);
    if (sockets.delete(socket)) this.#count--;
    if (this.#groupPrograms.size > 0 && this.#group(socket).length === 0) this.setGroupProgram(socket, undefined);
    if (sockets.size === 0) this.#byPort.delete(portKey(socket.protocol, socket.local.port));
    socket.bound = false;
  }

  /** A connection that came to a port which another socket holds. */
  sharePort(socket: Socket): void {
    socket.bound = true;
    this.#at(socket).add(socket);
    this.#count++;
  }

  /** False: there is such a connection. */
  connect(socket: Socket): boolean {
    const key = flowKey(socket.flow);
    if (this.#connections.has(key)) return false;
    this.#connections.set(key, socket);
    return true;
  }
  disconnect(socket: Socket): void {
    const key = flowKey(socket.flow);
    if (this.#connections.get(key) === socket) this.#connections.delete(key);
  }

  get full(): boolean {
    return this.#count >= MAX_SOCKETS;
  }

  /** The socket that gets what comes on this way by `device`. `packet`: that which has come; a mere question has none. */
  find(flow: Flow, device: Device, packet?: IpPacket): Socket | undefined {
    return this.#connections.get(flowKey(flow)) ?? this.#findBound(flow, device, packet);
  }

  /** Without connections of TCP. Programs choose before all that is not connected. */
  #findBound(flow: Flow, device: Device, packet: IpPacket | undefined): Socket | undefined {
    const best = this.#best(flow, device);
    if (best[0]?.connected) return best[0];
    const selection = this.#network.programs.selectSocket(flow, device);
    if (selection.verdict === 'drop') return undefined;
    const { socket } = selection;
    if (socket === undefined) return this.#choose(best, flow, device, packet);
    if (selection.final || !socket.options.reusePort) return socket;
    return this.#choose(this.#group(socket), flow, device, packet);
  }

  /** Those that this flow fits best, in the order in which they were bound. */
  #best(flow: Flow, device: Device): Socket[] {
    let best: Socket[] = [];
    let score = -1;
    for (const socket of this.#byPort.get(portKey(flow.protocol, flow.local.port)) ?? []) {
      if (flow.protocol === IPPROTO_TCP && !socket.listening) continue;
      const its = scoreOf(socket, flow, device);
      if (its < 0 || its < score) continue;
      if (its > score) best = [];
      score = its;
      best.push(socket);
    }
    return best;
  }

  /** Of several sockets that share a port (SO_REUSEPORT), their program decides which, or the flow. */
  #choose(best: readonly Socket[], flow: Flow, device: Device, packet: IpPacket | undefined): Socket | undefined {
    const [first] = best;
    if (first === undefined || !first.options.reusePort) return first;
    const program = this.#groupPrograms.get(groupKey(first));
    if (program !== undefined && packet !== undefined) return selectReuseport(program, best, flow, device, packet);
    return best[flowHash(flow) % best.length];
  }

  /** The sockets that share the port and address of this one. */
  #group(member: Socket): Socket[] {
    const all = this.#byPort.get(portKey(member.protocol, member.local.port)) ?? [];
    return [...all].filter(
      (socket) => (socket.listening || socket.type === 2) && groupKey(socket) === groupKey(member),
    );
  }

  /** SO_ATTACH_REUSEPORT_EBPF and _CBPF: for all sockets that share the port and address of this one. 0 or -errno. */
  setGroupProgram(member: Socket, program: TcProgram | undefined): number {
    if (!member.options.reusePort || !member.bound) return -errno.EINVAL;
    const old = this.#groupPrograms.get(groupKey(member));
    if (program === undefined && old === undefined) return -errno.ENOENT;
    if (program === undefined) this.#groupPrograms.delete(groupKey(member));
    else this.#groupPrograms.set(groupKey(member), holdTcProgram(program));
    if (old !== undefined) dropTcProgram(old);
    return 0;
  }

  receive(device: Device, frame: Incoming, packet: IpPacket): void {
    const { family, protocol, source, destination, payload } = packet;
    const isTcp = protocol === IPPROTO_TCP;
    if (payload.length < (isTcp ? 20 : 8)) return;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (!isTcp && view.getUint16(4) > payload.length) return;
    // An UDP datagram over IPv4 may have none.
    const checked = isTcp || family !== 2 || view.getUint16(6) !== 0;
    if (checked && transportChecksum(source, destination, protocol, payload) !== 0) return;
    const flow: Flow = {
      family,
      protocol,
      local: { address: destination.slice(), port: view.getUint16(2) },
      remote: { address: source.slice(), port: view.getUint16(0) },
    };
    const toMany = isMulticast(destination) || isLimitedBroadcast(destination) || this.#isBroadcast(destination);
    if (toMany) {
      if (protocol === IPPROTO_UDP)
        for (const socket of [...(this.#byPort.get(portKey(protocol, flow.local.port)) ?? [])])
          if (scoreOf(socket, flow, device) >= 0) this.#give(socket, packet, device, frame);
      return;
    }
    const given = frame.assigned?.protocol === protocol ? frame.assigned : undefined;
    const socket = given ?? this.find(flow, device, packet);
    if (socket !== undefined) this.#give(socket, packet, device, frame);
    else if (isTcp) refuseSegment(this.#network, packet);
    else sendUnreachable(this.#network.inet, packet, UNREACHABLE.port);
  }

  #give(socket: Socket, packet: IpPacket, device: Device, frame: Incoming): void {
    const { filter } = socket;
    const kept = filter === undefined ? packet.payload.length : runSocketFilter(filter, socket, device, packet);
    if (kept === 0 || !socket.hooks.ingress(socket, device, packet.bytes)) return;
    // A header is always left.
    const payload = packet.payload.subarray(0, Math.max(kept, headerOf(packet)));
    socket.receive({ ...packet, payload }, device, frame);
  }

  /** ICMP said that a packet of such a socket cannot get there. */
  unreachable(flow: Flow, error: number, fatal: boolean): void {
    const device = this.#network.loopback;
    const socket = device && (this.#connections.get(flowKey(flow)) ?? this.#best(flow, device)[0]);
    socket?.unreachable(error, fatal);
  }

  #isBroadcast(address: Uint8Array): boolean {
    return this.#network.inet.routes.lookup(address)?.type === 'broadcast';
  }

  #at(socket: Socket): Set<Socket> {
    const key = portKey(socket.protocol, socket.local.port);
    const sockets = this.#byPort.get(key) ?? new Set<Socket>();
    this.#byPort.set(key, sockets);
    return sockets;
  }

  #conflicts(socket: Socket, address: Uint8Array, port: number): boolean {
    for (const other of this.#byPort.get(portKey(socket.protocol, port)) ?? [])
      if (overlap(socket, address, other) && !mayShare(socket, other)) return true;
    return false;
  }

  #freePort(socket: Socket, address: Uint8Array): number {
    const start = this.#network.machine.random() % PORTS;
    for (let i = 0; i < PORTS; i++) {
      const port = FIRST_PORT + ((start + i) % PORTS);
      if (!this.#conflicts(socket, address, port)) return port;
    }
    return 0;
  }
}

function portKey(protocol: number, port: number): string {
  return `${protocol} ${port}`;
}

function groupKey({ protocol, local }: Socket): string {
  return `${protocol} ${local.port} ${formatAddress(local.address)}`;
}

/** Bytes of the header that a filter cannot take away. */
function headerOf({ protocol, payload }: IpPacket): number {
  return protocol === IPPROTO_TCP ? 4 * ((payload[12] ?? 0) >> 4) : 8;
}

function mayShare(socket: Socket, other: Socket): boolean {
  if (socket.options.reusePort && other.options.reusePort && socket.uid === other.uid) return true;
  return socket.options.reuseAddress && other.options.reuseAddress && !other.listening;
}
