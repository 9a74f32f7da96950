import { errno } from '../../../uapi/errno.ts';
import type { Incoming } from '../inet/ip-stack.ts';
import type { IpPacket } from '../inet/packet.ts';
import { Backlog } from './backlog.ts';
import type { Endpoint } from './endpoint.ts';
import { keptSyn, synOf } from './saved-syn.ts';
import { SOCK_OPS } from './socket-hooks.ts';
import { TcpConnection } from './tcp-connection.ts';
import { TcpOutput } from './tcp-output.ts';
import { refuseSegment } from './tcp-refuse.ts';
import { ACK, RST, type Segment, SYN } from './tcp-segment.ts';
import { isSynchronized } from './tcp-state.ts';

export const SOCK_STREAM = 1;
const EMPTY = new Uint8Array(0);

/** A TCP socket: listening, or one end of a connection. */
export class TcpSocket extends TcpConnection {
  readonly type = SOCK_STREAM;
  readonly #backlog = new Backlog();
  #listener: TcpSocket | undefined;

  /** Of a connection whose handshake is under way: who listens. */
  get listener(): TcpSocket | undefined {
    return this.#listener;
  }
  override get requested(): boolean {
    return this.#listener !== undefined;
  }
  /** Of one that listens: nobody more can ask, and nobody who has asked is kept waiting. */
  get opensMany(): boolean {
    return this.#backlog.opensMany;
  }
  get backlogFull(): boolean {
    return this.#backlog.full;
  }
  /** When it gave away a cookie for the last time: ns, as the clock says. */
  gaveCookie: bigint | undefined;
  override get mayBeMapped(): boolean {
    return this.state === 'established' || this.state === 'listen' || this.state === 'syn_recv';
  }
  get listening(): boolean {
    return this.state === 'listen';
  }
  override get readable(): boolean {
    return this.#backlog.readable || this.queue.size > 0 || this.ended || this.state === 'close';
  }
  listen(backlog: number): number {
    if (this.state !== 'close' && this.state !== 'listen') return -errno.EINVAL;
    const bound = this.autobind();
    if (bound !== 0) return bound;
    this.#backlog.limit = backlog;
    if (this.state === 'listen') return 0;
    this.state = 'listen';
    this.hooks.sockOps(this, { op: SOCK_OPS.tcpListen });
    return 0;
  }

  /** A connection that somebody else made, or -errno: -EAGAIN if there is none. */
  accept(): TcpSocket | number {
    if (this.state !== 'listen') return -errno.EINVAL;
    return this.#backlog.next() ?? -errno.EAGAIN;
  }

  protected override connectTo(to: Endpoint): number {
    if (this.state === 'syn_sent') return -errno.EALREADY;
    if (this.state !== 'close') return -errno.EISCONN;
    const address = this.destinationOf(to.address);
    const chosen = this.chooseLocal(address);
    if (chosen !== 0) return chosen;
    const bound = this.autobind();
    if (bound !== 0) return bound;
    this.remote = { address: this.shown(address), port: to.port };
    if (!this.network.inet.sockets.connect(this)) {
      this.remote = this.nowhere;
      return -errno.EADDRNOTAVAIL;
    }
    this.output = new TcpOutput(this, this.network.machine.random());
    this.become('syn_sent');
    this.hooks.sockOps(this, { op: SOCK_OPS.tcpConnect });
    this.output.begin();
    const sent = this.output.syn(false);
    this.network.machine.traffic.drain();
    if (sent === 0) return this.takeError();
    this.end();
    return sent;
  }

  /** Bytes that were taken, or -errno: -EAGAIN if too many wait already. */
  send(data: Uint8Array): number {
    const failed = this.takeError();
    if (failed !== 0) return failed;
    if (this.shut || (this.state !== 'established' && this.state !== 'close_wait'))
      return this.state === 'syn_sent' ? -errno.EAGAIN : -errno.EPIPE;
    const size = Math.min(data.length, this.output.room);
    if (size === 0 && data.length > 0) return -errno.EAGAIN;
    const part = data.subarray(0, size);
    const taken = this.psock?.judgesOutgoing ? this.psock.send(part) : this.sendOut(part);
    this.network.machine.traffic.drain();
    return taken;
  }

  /** What has come, `max` bytes at most; nothing: the other end has finished. -EAGAIN if there is nothing yet. */
  take(max: number): Uint8Array | number {
    if (this.state === 'listen') return -errno.ENOTCONN;
    if (this.queue.size === 0) {
      const failed = this.takeError();
      if (failed !== 0) return failed;
      if (this.ended) return EMPTY;
      return this.state === 'close' || this.state === 'syn_sent' ? -errno.ENOTCONN : -errno.EAGAIN;
    }
    const before = this.room;
    const data = this.queue.take(max);
    this.relieve();
    // Who has stopped because there was no room has to be told.
    if (before < this.ownMss && this.room >= this.ownMss && isSynchronized(this.state)) this.acknowledge();
    this.network.machine.traffic.drain();
    return data;
  }

  shutdown(how: 'read' | 'write' | 'both'): number {
    if (!isSynchronized(this.state)) return -errno.ENOTCONN;
    if (how !== 'write') this.ended = true;
    if (how !== 'read') this.finish();
    this.network.machine.traffic.drain();
    return 0;
  }

  protected override closeProtocol(): void {
    if (this.state === 'listen') {
      this.end();
      for (const child of this.#backlog.clear()) {
        child.abort();
        child.close();
      }
    } else if (isSynchronized(this.state) && this.state !== 'time_wait') {
      // What was not read is lost, and the other end is told so.
      if (this.queue.size > 0) this.abort();
      else this.finish();
      if (this.state === 'fin_wait2') this.endLater();
    } else if (this.state !== 'time_wait') this.end();
  }

  protected override receiveOpening(segment: Segment, packet: IpPacket, frame: Incoming): void {
    const { sockets } = this.network.inet;
    if ((segment.flags & RST) !== 0) return;
    if ((segment.flags & ACK) !== 0) {
      refuseSegment(this.network, packet);
      return;
    }
    if ((segment.flags & SYN) === 0 || this.#backlog.full || sockets.full) return;
    const child = new TcpSocket(this.network, this.process, this.family, this.cgroup);
    Object.assign(child.options, this.options);
    child.inherit(this);
    child.control.follow(this.control);
    child.local = { address: this.shown(packet.destination).slice(), port: segment.destinationPort };
    child.remote = { address: this.shown(packet.source).slice(), port: segment.sourcePort };
    child.#listener = this;
    sockets.sharePort(child);
    sockets.connect(child);
    this.#backlog.open(child);
    child.output = new TcpOutput(child, this.network.machine.random());
    child.synchronize(segment);
    const syn = synOf(packet, frame);
    child.output.begin(keptSyn(this, syn));
    child.state = 'syn_recv';
    child.output.syn(true, syn);
  }

  protected override handOver(): boolean {
    const listener = this.#listener;
    if (listener === undefined || listener.#backlog.full) return false;
    listener.#backlog.established(this);
    this.#listener = undefined;
    return true;
  }

  protected override abandon(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    // Nobody will ever have it.
    listener.#backlog.leave(this);
    this.#listener = undefined;
    this.close();
  }
}
