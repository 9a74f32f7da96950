import { errno } from '../../../uapi/errno.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import { dropTcProgram, holdTcProgram, type TcProgram } from '../hooks/tc-program.ts';
import {
  AF_INET,
  AF_INET6,
  addressSize,
  type Family,
  familyOf,
  isLimitedBroadcast,
  isMapped,
  isMulticast,
  isUnspecified,
  mapped,
  unmapped,
} from '../inet/address.ts';
import type { Incoming } from '../inet/ip-stack.ts';
import type { IpPacket } from '../inet/packet.ts';
import { endStorages } from '../maps/owners.ts';
import type { SocketMap } from '../maps/socket-map.ts';
import type { Device } from '../net/device.ts';
import type { Network } from '../net/network.ts';
import type { Process } from '../process.ts';
import type { CongestionControl } from './congestion-control.ts';
import type { Endpoint, Flow } from './endpoint.ts';
import { serviceOf } from './program-options.ts';
import type { Psock } from './psock.ts';
import type { SocketHooks } from './socket-hooks.ts';
import type { TcpFigures } from './tcp-state.ts';

/** What setsockopt(2) sets, as far as it is known here. */
export interface SocketOptions {
  /** SO_MARK, SO_PRIORITY. */
  mark: number;
  priority: number;
  /** SO_BINDTODEVICE, as an index; 0: none. */
  boundDevice: number;
  reuseAddress: boolean;
  reusePort: boolean;
  broadcast: boolean;
}

/** A socket of the IP stack. It holds its namespace until it is closed. */
export abstract class Socket {
  readonly network: Network;
  /** Whose it is. */
  readonly process: Process;
  /** That of its process when it was made; of a connection that somebody else made, that of who listens. */
  readonly cgroup: Cgroup;
  readonly family: Family;
  /** SOCK_*, IPPROTO_*. */
  abstract readonly type: number;
  abstract readonly protocol: number;
  /** Waits for connections. */
  abstract get listening(): boolean;
  /** BPF_TCP_*: UDP has two of them. */
  abstract get stateNumber(): number;
  /** Maps of sockets take it. */
  abstract get mayBeMapped(): boolean;
  /** A number of its own in the machine. */
  readonly cookie: number;
  readonly uid = 0;
  readonly options: SocketOptions = {
    mark: 0,
    priority: 0,
    boundDevice: 0,
    reuseAddress: false,
    reusePort: false,
    broadcast: false,
  };
  /** Other options that programs have set, see program-options.ts. */
  readonly numbers = new Map<number, number>();
  /** Of TCP. */
  readonly control: CongestionControl | undefined = undefined;
  /** IPV6_V6ONLY: an `inet6` socket takes no IPv4. */
  v6Only = false;
  /** Addresses of the socket's family: an `inet6` socket has those of IPv4 mapped. */
  local: Endpoint;
  remote: Endpoint;
  /** Has a port of its own, which others cannot bind to. */
  bound = false;
  closed = false;
  /** BPF_SOCK_OPS_*_CB_FLAG that programs have set. */
  sockOpsFlags = 0;
  /** Those that it is in. */
  readonly maps = new Set<SocketMap>();
  /** What the programs of those do with its data. */
  psock: Psock | undefined;
  /** Sockets whose data programs send here, and that wait until there is room for it. */
  readonly waiting = new Set<Socket>();
  /** SO_ATTACH_FILTER, SO_ATTACH_BPF: which packets it gets, and how much of them. */
  #filter: TcProgram | undefined;
  /** fds that lead to it. */
  fds = 0;
  /** What the next call answers, once: positive. */
  #error = 0;

  constructor(network: Network, process: Process, family: Family, cgroup = process.cgroup) {
    this.network = network.get();
    this.process = process;
    this.cgroup = cgroup;
    this.family = family;
    this.cookie = network.machine.nextSocketCookie();
    this.local = this.remote = this.nowhere;
  }

  /** Has from a listener what programs have set of that. */
  inherit({ numbers, sockOpsFlags, v6Only }: Socket): void {
    for (const [name, value] of numbers) this.numbers.set(name, value);
    this.sockOpsFlags = sockOpsFlags;
    this.v6Only = v6Only;
  }
  /** Somebody has asked for a connection, and nothing else is known of it. */
  get requested(): boolean {
    return false;
  }
  /** Of a connection of TCP: how far it is. */
  get figures(): TcpFigures | undefined {
    return undefined;
  }
  /** Bytes of one segment, where there are any. */
  get segmentSize(): number {
    return 536;
  }
  /** A packet that was found to be for this socket. */
  abstract receive(packet: IpPacket, device: Device, frame: Incoming): void;
  /** Programs may send the data of others here. */
  abstract get redirectable(): boolean;
  /** There is no room for more of it. */
  abstract get congested(): boolean;
  /** Data that is to be received here, past what programs say of it. 0 or -errno. */
  abstract takeIn(data: Uint8Array): number;
  /** And that is to be sent. */
  abstract sendOut(data: Uint8Array): number;
  /** There is room again where the data goes. */
  protected abstract resume(): void;
  /** Something is there to be received, or the other end has finished. */
  abstract get readable(): boolean;
  /** What connect(2) does once the address is known to be one that it can be. */
  protected abstract connectTo(to: Endpoint): number;
  protected abstract closeProtocol(): void;

  get hooks(): SocketHooks {
    return this.network.machine.socketHooks;
  }
  /** As its packets have it. */
  get flow(): Flow {
    const address = unmapped(this.local.address);
    return {
      family: familyOf(address),
      protocol: this.protocol,
      local: { address, port: this.local.port },
      remote: { address: unmapped(this.remote.address), port: this.remote.port },
    };
  }
  get connected(): boolean {
    return this.remote.port !== 0;
  }
  /** Sends and receives IPv4 alone: an `inet` socket, or one at a mapped address. */
  get isIpv4(): boolean {
    return this.family === AF_INET || isMapped(this.local.address);
  }
  /** An address of a packet as this socket shows it. */
  shown(address: Uint8Array): Uint8Array {
    return this.family === AF_INET6 ? mapped(address) : address;
  }
  get nowhere(): Endpoint {
    return { address: new Uint8Array(addressSize(this.family)), port: 0 };
  }
  /** The device that it is bound to; `undefined`: any. */
  get device(): Device | undefined {
    return this.options.boundDevice === 0 ? undefined : this.network.device(this.options.boundDevice);
  }

  bind(address: Endpoint): number {
    if (address.address.length !== addressSize(this.family)) return this.#otherFamily;
    if (this.v6Only && isMapped(address.address)) return -errno.EINVAL;
    const wanted = this.hooks.bind(this, address);
    if (typeof wanted === 'number') return wanted;
    const { sockets } = this.network.inet;
    const taken = this.#checkLocal(wanted.address) || sockets.takePort(this, wanted);
    if (taken !== 0) return taken;
    const refused = this.hooks.postBind(this);
    if (refused !== 0) sockets.givePort(this);
    return refused;
  }

  /** As a program asks for it that runs before a connection; port 0 is chosen with the connection. */
  bindForConnect(address: Endpoint): number {
    if (address.address.length !== addressSize(this.family)) return this.#otherFamily;
    const refused = this.#checkLocal(address.address);
    if (refused !== 0) return refused;
    if (address.port !== 0) return this.network.inet.sockets.takePort(this, address);
    this.local = address;
    return 0;
  }

  get #otherFamily(): number {
    return this.family === AF_INET ? -errno.EAFNOSUPPORT : -errno.EINVAL;
  }
  #checkLocal(wanted: Uint8Array): number {
    const address = unmapped(wanted);
    if (!isUnspecified(address) && !isMulticast(address) && !isLimitedBroadcast(address)) {
      const type = this.network.inet.routes.lookup(address)?.type;
      if (type !== 'local' && type !== 'broadcast') return -errno.EADDRNOTAVAIL;
    }
    return this.bound || this.closed ? -errno.EINVAL : 0;
  }

  connect(to: Endpoint): number {
    if (to.address.length !== addressSize(this.family)) return -errno.EAFNOSUPPORT;
    const wanted = this.hooks.connect(this, to);
    return typeof wanted === 'number' ? wanted : this.checkRemote(wanted.address) || this.connectTo(wanted);
  }

  /** Whether a socket at this address may send there at all: 0 or -errno. */
  protected checkRemote(address: Uint8Array): number {
    if (this.family === AF_INET || isUnspecified(address)) return 0;
    if (!isMapped(address)) return this.isIpv4 ? -errno.EAFNOSUPPORT : 0;
    return this.v6Only || !(this.isIpv4 || isUnspecified(this.local.address)) ? -errno.ENETUNREACH : 0;
  }

  /** A port if it has none yet. 0 or -errno. */
  autobind(): number {
    return this.bound ? 0 : this.network.inet.sockets.takePort(this, { address: this.local.address, port: 0 });
  }

  /** Where packets for `to` go, as they have it: this host where that is no address. */
  protected destinationOf(to: Uint8Array): Uint8Array {
    const address = isUnspecified(to) && this.isIpv4 ? new Uint8Array(4) : unmapped(to);
    if (!isUnspecified(address)) return address;
    return address.length === 4 ? Uint8Array.of(127, 0, 0, 1) : address.with(15, 1);
  }

  /** The local address if there is none yet: that of the way to `to`, which is as packets have it. */
  protected chooseLocal(to: Uint8Array): number {
    const way = this.network.inet.wayTo(to, this.device);
    if (typeof way === 'number') return way;
    if ((way.route.type === 'broadcast' || isLimitedBroadcast(to)) && !this.options.broadcast) return -errno.EACCES;
    if (isUnspecified(unmapped(this.local.address))) this.local = { ...this.local, address: this.shown(way.source) };
    return 0;
  }

  /** Sends a packet of this socket; the addresses are as the packet has them. 0 or -errno. */
  protected transmit(payload: Uint8Array, to: Uint8Array, from: Uint8Array): number {
    const { mark, priority } = this.options;
    const family = familyOf(to);
    const header = {
      family,
      source: from,
      destination: to,
      protocol: this.protocol,
      payload,
      dontFragment: true,
      tos: serviceOf(this, family),
    };
    return this.network.inet.send(header, { device: this.device, mark, priority, sender: this });
  }

  /** The network says that a packet of this socket did not get there. `fatal`: others will not either. */
  abstract unreachable(error: number, fatal: boolean): void;

  /** What the next call answers. */
  protected fail(error: number): void {
    this.#error = error;
  }

  /** -errno if something went wrong since the last call; that is then forgotten. */
  takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error === 0 ? 0 : -error;
  }

  get filter(): TcProgram | undefined {
    return this.#filter;
  }
  set filter(program: TcProgram | undefined) {
    const old = this.#filter;
    this.#filter = program && holdTcProgram(program);
    if (old !== undefined) dropTcProgram(old);
  }

  /** Lets those go on that have waited for room. */
  protected relieve(): void {
    if (this.waiting.size === 0 || (this.congested && !this.closed)) return;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const socket of waiting) socket.resume();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.relieve();
    this.filter = undefined;
    for (const map of [...this.maps]) map.remove(this);
    this.hooks.release(this);
    this.closeProtocol();
    endStorages(this);
    this.network.machine.traffic.drain();
    this.network.put();
  }
}
