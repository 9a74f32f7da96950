import { errno } from '../../../uapi/errno.ts';
import { AF_INET, isUnspecified } from '../inet/address.ts';
import { IPPROTO_TCP, IPV4_HEADER, IPV6_HEADER, type IpPacket } from '../inet/packet.ts';
import { Backlog } from './backlog.ts';
import type { Endpoint } from './endpoint.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { Socket } from './socket.ts';
import { SOCK_OPS } from './socket-hooks.ts';
import { TcpOutput } from './tcp-output.ts';
import { refuseSegment } from './tcp-refuse.ts';
import { ACK, before, FIN, parseSegment, RST, type Segment, SYN, TCP_HEADER } from './tcp-segment.ts';
import { FIN_ACKNOWLEDGED, FIN_RECEIVED, isSynchronized, TCP_STATES, type TcpState } from './tcp-state.ts';

export const SOCK_STREAM = 1;
const EMPTY = new Uint8Array(0);
/** Bytes that wait to be received. */
const RECEIVE_BUFFER = 131072;
/** How long the end that closed first keeps the port. Nanoseconds. */
const TIME_WAIT = 60_000_000_000n;

/** A TCP socket: listening, or one end of a connection. Segments come in order here, so what comes out of order is not kept but sent again. */
export class TcpSocket extends Socket {
  readonly type = SOCK_STREAM;
  readonly protocol = IPPROTO_TCP;
  state: TcpState = 'close';
  /** The next number that is expected. */
  received = 0;
  output = new TcpOutput(this, 0);
  readonly #backlog = new Backlog();
  #listener: TcpSocket | undefined;
  readonly #queue = new ReceiveQueue();
  #ended = false;
  #shut = false;

  /** Of a connection whose handshake is under way: who listens. */
  get listener(): TcpSocket | undefined {
    return this.#listener;
  }
  override get stateNumber(): number {
    return TCP_STATES[this.state];
  }
  override get mayBeMapped(): boolean {
    return this.state === 'established' || this.state === 'listen' || this.state === 'syn_recv';
  }
  get listening(): boolean {
    return this.state === 'listen';
  }
  override get readable(): boolean {
    return this.#backlog.readable || this.#queue.size > 0 || this.#ended || this.state === 'close';
  }
  get room(): number {
    return Math.max(0, RECEIVE_BUFFER - this.#queue.size);
  }
  /** What a segment to us may hold at most. Bytes. */
  get ownMss(): number {
    const way = this.network.inet.wayTo(this.remote.address, this.device);
    const device = typeof way === 'number' || way.route.type === 'local' ? this.network.loopback : way.route.device;
    return Math.min(65495, (device?.mtu ?? 1500) - TCP_HEADER - (this.family === AF_INET ? IPV4_HEADER : IPV6_HEADER));
  }

  listen(backlog: number): number {
    if (this.state !== 'close' && this.state !== 'listen') return -errno.EINVAL;
    const bound = this.autobind();
    if (bound !== 0) return bound;
    this.#backlog.limit = backlog;
    if (this.state === 'listen') return 0;
    this.#become('listen');
    this.hooks.sockOps(this, SOCK_OPS.tcpListen);
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
    const address = isUnspecified(to.address) ? this.loopbackAddress() : to.address;
    const chosen = this.chooseLocal(address);
    if (chosen !== 0) return chosen;
    const bound = this.autobind();
    if (bound !== 0) return bound;
    this.remote = { address, port: to.port };
    if (!this.network.inet.sockets.connect(this)) {
      this.remote = this.nowhere;
      return -errno.EADDRNOTAVAIL;
    }
    this.output = new TcpOutput(this, this.network.machine.random());
    this.#become('syn_sent');
    this.hooks.sockOps(this, SOCK_OPS.tcpConnect);
    const sent = this.output.syn(false);
    this.network.machine.traffic.drain();
    if (sent === 0) return this.takeError();
    this.#end();
    return sent;
  }

  /** Bytes that were taken, or -errno: -EAGAIN if too many wait already. */
  send(data: Uint8Array): number {
    const failed = this.takeError();
    if (failed !== 0) return failed;
    if (this.#shut || (this.state !== 'established' && this.state !== 'close_wait'))
      return this.state === 'syn_sent' ? -errno.EAGAIN : -errno.EPIPE;
    const size = Math.min(data.length, this.output.room);
    if (size === 0 && data.length > 0) return -errno.EAGAIN;
    this.output.add(data.subarray(0, size));
    this.output.push();
    this.network.machine.traffic.drain();
    return size;
  }

  /** What has come, `max` bytes at most; nothing: the other end has finished. -EAGAIN if there is nothing yet. */
  take(max: number): Uint8Array | number {
    if (this.state === 'listen') return -errno.ENOTCONN;
    if (this.#queue.size === 0) {
      const failed = this.takeError();
      if (failed !== 0) return failed;
      if (this.#ended) return EMPTY;
      return this.state === 'close' || this.state === 'syn_sent' ? -errno.ENOTCONN : -errno.EAGAIN;
    }
    const before = this.room;
    const data = this.#queue.take(max);
    // Who has stopped because there was no room has to be told.
    if (before < this.ownMss && this.room >= this.ownMss && isSynchronized(this.state)) this.#acknowledge();
    this.network.machine.traffic.drain();
    return data;
  }

  shutdown(how: 'read' | 'write' | 'both'): number {
    if (!isSynchronized(this.state)) return -errno.ENOTCONN;
    if (how !== 'write') this.#ended = true;
    if (how !== 'read') this.#finish();
    this.network.machine.traffic.drain();
    return 0;
  }

  protected override closeProtocol(): void {
    if (this.state === 'listen') {
      for (const child of this.#backlog.clear()) {
        child.#abort();
        child.close();
      }
      this.#end();
    } else if (isSynchronized(this.state) && this.state !== 'time_wait') {
      // What was not read is lost, and the other end is told so.
      if (this.#queue.size > 0) this.#abort();
      else this.#finish();
      if (this.state === 'fin_wait2') this.#endLater();
    } else if (this.state !== 'time_wait') this.#end();
  }

  override receive(packet: IpPacket): void {
    const segment = parseSegment(packet);
    if (segment === undefined) return;
    if (this.state === 'listen') this.#receiveOpening(segment, packet);
    else if (this.state === 'syn_sent') this.#receiveAnswer(segment, packet);
    else this.#receiveConnected(segment, packet);
    this.network.machine.wake.all();
  }

  sendSegment(bytes: Uint8Array): number {
    return this.transmit(bytes, this.remote.address, this.local.address);
  }

  /** Ends the attempt to connect; a connection that stands goes on trying. */
  override unreachable(error: number): void {
    if (this.state === 'syn_sent') this.#reset(error);
  }

  timedOut(): void {
    this.#reset(errno.ETIMEDOUT);
  }

  #receiveOpening(segment: Segment, packet: IpPacket): void {
    const { sockets } = this.network.inet;
    if ((segment.flags & RST) !== 0) return;
    if ((segment.flags & ACK) !== 0) {
      refuseSegment(this.network, packet);
      return;
    }
    if ((segment.flags & SYN) === 0 || this.#backlog.full || sockets.full) return;
    const child = new TcpSocket(this.network, this.process, this.family);
    Object.assign(child.options, this.options);
    child.local = { address: packet.destination.slice(), port: segment.destinationPort };
    child.remote = { address: packet.source.slice(), port: segment.sourcePort };
    child.#listener = this;
    sockets.sharePort(child);
    sockets.connect(child);
    this.#backlog.open(child);
    child.output = new TcpOutput(child, this.network.machine.random());
    child.#synchronize(segment);
    child.#become('syn_recv');
    child.output.syn(true);
  }

  #receiveAnswer(segment: Segment, packet: IpPacket): void {
    const { flags, ack } = segment;
    const acked = (flags & ACK) !== 0 && ack === this.output.next;
    if ((flags & ACK) !== 0 && !acked) {
      refuseSegment(this.network, packet);
      return;
    }
    if ((flags & RST) !== 0) {
      if (acked) this.#reset(errno.ECONNREFUSED);
      return;
    }
    if ((flags & SYN) === 0 || !acked) return;
    this.#synchronize(segment);
    this.output.acknowledge(ack);
    this.#become('established');
    this.hooks.sockOps(this, SOCK_OPS.activeEstablished);
    this.#acknowledge();
  }

  /** From the other end's SYN: its first number, its window, and what it can do. */
  #synchronize({ seq, window, mss, scale, timestamps }: Segment): void {
    this.received = (seq + 1) >>> 0;
    this.output.window = window;
    this.output.scale = scale ?? 0;
    this.output.mss = Math.min(mss ?? 536, this.ownMss);
    this.output.peerTime = timestamps?.[0] ?? 0;
  }

  #receiveConnected(segment: Segment, packet: IpPacket): void {
    const { flags, seq, ack } = segment;
    if ((flags & RST) !== 0) {
      if (seq === this.received) this.#reset(this.state === 'close_wait' ? errno.EPIPE : errno.ECONNRESET);
      return;
    }
    if ((flags & SYN) !== 0) {
      if (this.state === 'syn_recv') this.output.syn(true);
      else this.#acknowledge();
      return;
    }
    if ((flags & ACK) === 0) return;
    if (this.state === 'syn_recv' && !this.#establish(ack, packet)) return;
    if (!this.output.acknowledge(ack)) {
      this.#acknowledge();
      return;
    }
    if (!before(seq, this.received)) this.output.peerTime = segment.timestamps?.[0] ?? 0;
    this.output.window = segment.window << this.output.scale;
    const next = this.output.finAcknowledged ? FIN_ACKNOWLEDGED[this.state] : undefined;
    if (next !== undefined) this.#advance(next);
    if (segment.payload.length > 0 || (flags & FIN) !== 0) this.#receiveData(segment);
    if (isSynchronized(this.state)) this.output.push();
  }

  /** The last step of being connected to. */
  #establish(ack: number, packet: IpPacket): boolean {
    if (ack !== this.output.next) {
      refuseSegment(this.network, packet);
      return false;
    }
    const listener = this.#listener;
    if (listener === undefined || listener.#backlog.full) return false;
    listener.#backlog.established(this);
    this.#listener = undefined;
    this.#become('established');
    this.hooks.sockOps(this, SOCK_OPS.passiveEstablished);
    return true;
  }

  #receiveData({ seq, payload, flags }: Segment): void {
    const known = (this.received - seq) | 0;
    const fresh = payload.subarray(Math.min(payload.length, Math.max(0, known)));
    const isNext = known >= 0 && known <= payload.length && !this.#ended;
    if (isNext && fresh.length > 0) {
      if (this.closed) {
        this.#abort();
        return;
      }
      if (fresh.length > this.room) {
        this.#acknowledge();
        return;
      }
      this.#queue.add(fresh);
      this.received = (this.received + fresh.length) >>> 0;
    }
    if (isNext && (flags & FIN) !== 0) {
      this.received = (this.received + 1) >>> 0;
      this.#ended = true;
      const next = FIN_RECEIVED[this.state];
      if (next !== undefined) this.#advance(next);
    }
    this.#acknowledge();
  }

  #acknowledge(): void {
    this.output.send(ACK, this.output.next, EMPTY);
  }

  #finish(): void {
    if (this.#shut) return;
    this.#shut = true;
    this.output.finished = true;
    this.#become(this.state === 'close_wait' ? 'last_ack' : 'fin_wait1');
    this.output.push();
  }

  #advance(state: TcpState): void {
    if (state === 'close') this.#end();
    else this.#become(state);
    if (state === 'time_wait' || (state === 'fin_wait2' && this.closed)) this.#endLater();
  }

  #endLater(): void {
    this.network.machine.timers.after(TIME_WAIT, () => this.#end());
  }

  #abort(): void {
    if (this.state !== 'close')
      this.output.send(RST | ACK, this.output.next, EMPTY, { timestamps: undefined, window: 0 });
    this.#end();
  }

  #reset(error: number): void {
    this.fail(error);
    this.#end();
  }

  #end(): void {
    const { sockets } = this.network.inet;
    this.output.stop();
    sockets.disconnect(this);
    sockets.givePort(this);
    if (this.closed) this.network.machine.socketViews.forget(this);
    if (this.state !== 'close') this.#become('close');
    const listener = this.#listener;
    if (listener === undefined) return;
    // Nobody will ever have it.
    listener.#backlog.leave(this);
    this.#listener = undefined;
    this.close();
  }

  #become(state: TcpState): void {
    const old = this.state;
    this.state = state;
    this.hooks.sockOps(this, SOCK_OPS.state, TCP_STATES[old], TCP_STATES[state]);
  }
}
