import { errno } from '../../../uapi/errno.ts';
import { isLimitedBroadcast, isMulticast, isUnspecified, sameAddress } from '../inet/address.ts';
import { transportChecksum } from '../inet/checksum.ts';
import { sendUnreachable, UNREACHABLE } from '../inet/icmp.ts';
import type { Incoming } from '../inet/ip-stack.ts';
import { IPPROTO_TCP, IPPROTO_UDP, type IpPacket } from '../inet/packet.ts';
import type { Device } from '../net/device.ts';
import type { Network } from '../net/network.ts';
import { type Endpoint, type Flow, flowHash, flowKey } from './endpoint.ts';
import type { Socket } from './socket.ts';
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

  /** The socket that gets what comes on this way by `device`. */
  find(flow: Flow, device: Device): Socket | undefined {
    return this.#connections.get(flowKey(flow)) ?? this.findBound(flow, device);
  }

  /** Without connections of TCP. Of several sockets that share a port (SO_REUSEPORT), the flow decides which. */
  findBound(flow: Flow, device: Device): Socket | undefined {
    let best: Socket[] = [];
    let score = -1;
    for (const socket of this.#byPort.get(portKey(flow.protocol, flow.local.port)) ?? []) {
      if (flow.protocol === IPPROTO_TCP && !socket.listening) continue;
      const its = socket.score(flow, device);
      if (its < 0 || its < score) continue;
      if (its > score) best = [];
      score = its;
      best.push(socket);
    }
    const [first] = best;
    if (first === undefined || best.length === 1 || !first.options.reusePort) return first;
    return best[flowHash(flow) % best.length];
  }

  receive(device: Device, frame: Incoming, packet: IpPacket): void {
    const { family, protocol, source, destination, payload } = packet;
    const isTcp = protocol === IPPROTO_TCP;
    if (payload.length < (isTcp ? 20 : 8)) return;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
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
          if (socket.score(flow, device) >= 0) this.#give(socket, packet, device, frame);
      return;
    }
    const socket = frame.assigned ?? this.find(flow, device);
    if (socket !== undefined) this.#give(socket, packet, device, frame);
    else if (isTcp) refuseSegment(this.#network, packet);
    else sendUnreachable(this.#network.inet, packet, UNREACHABLE.port);
  }

  #give(socket: Socket, packet: IpPacket, device: Device, frame: Incoming): void {
    if (socket.hooks.ingress(socket, device, packet.bytes)) socket.receive(packet, device, frame);
  }

  /** ICMP said that a packet of such a socket cannot get there. */
  unreachable(flow: Flow, error: number, fatal: boolean): void {
    const device = this.#network.loopback;
    const socket = device && (this.#connections.get(flowKey(flow)) ?? this.findBound(flow, device));
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

function overlap(socket: Socket, address: Uint8Array, other: Socket): boolean {
  if (socket.family !== other.family) return false;
  const [a, b] = [socket.options.boundDevice, other.options.boundDevice];
  if (a !== 0 && b !== 0 && a !== b) return false;
  const there = other.local.address;
  return isUnspecified(address) || isUnspecified(there) || sameAddress(address, there);
}

function mayShare(socket: Socket, other: Socket): boolean {
  if (socket.options.reusePort && other.options.reusePort && socket.uid === other.uid) return true;
  return socket.options.reuseAddress && other.options.reuseAddress && !other.listening;
}
