import { concatBytes } from '../../../bytes/plain.ts';
import { errno } from '../../../uapi/errno.ts';
import { addressSize, isMapped, isUnspecified, unmapped } from '../inet/address.ts';
import { transportChecksum } from '../inet/checksum.ts';
import { IPPROTO_UDP, type IpPacket } from '../inet/packet.ts';
import type { Endpoint } from './endpoint.ts';
import { Socket } from './socket.ts';
import type { SocketHooks } from './socket-hooks.ts';
import { TCP_STATES } from './tcp-state.ts';

export const SOCK_DGRAM = 2;
const HEADER = 8;
const MAX_PAYLOAD = 65507;
/** Bytes of datagrams that wait to be received, counted as Linux counts a small one at least. */
const RECEIVE_BUFFER = 212992;
const OVERHEAD = 768;

export interface Datagram {
  readonly data: Uint8Array;
  readonly from: Endpoint;
}

export class UdpSocket extends Socket {
  readonly type = SOCK_DGRAM;
  readonly protocol = IPPROTO_UDP;
  readonly listening = false;
  override get stateNumber(): number {
    return this.connected ? TCP_STATES.established : TCP_STATES.close;
  }
  override get mayBeMapped(): boolean {
    return this.bound;
  }
  #queue: Datagram[] = [];
  #queued = 0;

  override get readable(): boolean {
    return this.#queue.length > 0;
  }

  protected override connectTo(to: Endpoint): number {
    // Its own host is meant where there is no address.
    const address = this.destinationOf(to.address);
    const chosen = this.chooseLocal(address);
    if (chosen !== 0) return chosen;
    this.remote = { address: this.shown(address), port: to.port };
    return this.autobind();
  }

  /** Bytes sent, or -errno. `to`: `undefined` of a connected socket. */
  send(data: Uint8Array, to?: Endpoint): number {
    if (to !== undefined && to.address.length !== addressSize(this.family)) return -errno.EAFNOSUPPORT;
    if (data.length > MAX_PAYLOAD) return -errno.EMSGSIZE;
    const failed = this.takeError();
    if (failed !== 0) return failed;
    if (to === undefined && !this.connected) return -errno.EDESTADDRREQ;
    if (to?.port === 0) return -errno.EINVAL;
    const unfit = to === undefined ? 0 : this.checkRemote(to.address);
    if (unfit !== 0) return unfit;
    const ends = to === undefined ? { to: this.remote, from: this.local.address } : this.#sendmsg(to);
    if (typeof ends === 'number') return ends;
    // Only a program has put that there.
    if (to !== undefined && isMapped(ends.to.address)) return -errno.ENOTSUPP;
    const bound = this.autobind();
    if (bound !== 0) return bound;
    const address = this.destinationOf(ends.to.address);
    const way = this.network.inet.wayTo(address, this.device);
    if (typeof way === 'number') return way;
    if (way.route.type === 'broadcast' && !this.options.broadcast) return -errno.EACCES;
    const source = unmapped(ends.from);
    const from = isUnspecified(source) ? way.source : source;
    const sent = this.transmit(this.#encode(data, from, address, ends.to.port), address, from);
    this.network.machine.traffic.drain();
    // That there was no room for it on the way is nothing that the sender is told.
    return sent === 0 || sent === -errno.ENOBUFS ? data.length : sent;
  }

  /** To a mapped address it is as for an `inet` socket. */
  #sendmsg(to: Endpoint): ReturnType<SocketHooks['sendmsg']> {
    const from = this.local.address;
    if (!isMapped(to.address)) return this.hooks.sendmsg(this, to, from);
    const address = unmapped(to.address);
    return this.hooks.sendmsg(this, { ...to, address }, isMapped(from) ? unmapped(from) : new Uint8Array(4));
  }

  #encode(data: Uint8Array, from: Uint8Array, to: Uint8Array, port: number): Uint8Array {
    const header = new Uint8Array(HEADER);
    const view = new DataView(header.buffer);
    view.setUint16(0, this.local.port);
    view.setUint16(2, port);
    view.setUint16(4, HEADER + data.length);
    const bytes = concatBytes([header, data]);
    // 0 would say that there is none.
    new DataView(bytes.buffer).setUint16(6, transportChecksum(from, to, IPPROTO_UDP, bytes) || 0xffff);
    return bytes;
  }

  /** Only who is connected is told: others could not tell which of their packets is meant. */
  override unreachable(error: number, fatal: boolean): void {
    if (fatal && this.connected) this.fail(error);
  }

  override get redirectable(): boolean {
    return this.connected;
  }
  /** Of datagrams those are lost that there is no room for. */
  override get congested(): boolean {
    return false;
  }
  override resume(): void {}
  override sendOut(data: Uint8Array): number {
    return this.send(data);
  }
  /** Whose it was is not known then. */
  override takeIn(data: Uint8Array): number {
    this.#keep({ data: data.slice(), from: this.nowhere });
    return 0;
  }

  override receive({ payload, source }: IpPacket): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const length = view.getUint16(4);
    if (length < HEADER) return;
    const data = payload.slice(HEADER, length);
    if (this.psock?.judgesIncoming) this.psock.receive(data);
    else this.#keep({ data, from: { address: this.shown(source).slice(), port: view.getUint16(0) } });
  }

  #keep(datagram: Datagram): void {
    if (this.#queued >= RECEIVE_BUFFER) return;
    this.#queued += datagram.data.length + HEADER + OVERHEAD;
    this.#queue.push(datagram);
    this.network.machine.wake.all();
  }

  /** The next datagram, or -errno: -EAGAIN if there is none. */
  take(): Datagram | number {
    const failed = this.takeError();
    if (failed !== 0) return failed;
    const next = this.#queue.shift();
    if (next === undefined) return -errno.EAGAIN;
    this.#queued -= next.data.length + HEADER + OVERHEAD;
    return { data: next.data, from: this.hooks.recvmsg(this, next.from) };
  }

  protected override closeProtocol(): void {
    this.#queue = [];
    this.network.inet.sockets.givePort(this);
    this.network.machine.socketViews.forget(this);
  }
}
