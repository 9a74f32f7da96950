import { errno } from '../../../uapi/errno.ts';
import type { Incoming } from '../inet/ip-stack.ts';
import { IPPROTO_TCP, type IpPacket } from '../inet/packet.ts';
import type { Device } from '../net/device.ts';
import { CongestionControl } from './congestion-control.ts';
import type { Flow } from './endpoint.ts';
import { parseOptionsBy, showSegment } from './header-options.ts';
import { isPredicted } from './header-prediction.ts';
import { largestSegment } from './largest-segment.ts';
import type { Psock } from './psock.ts';
import { ReceiveQueue } from './receive-queue.ts';
import type { SavedSyn } from './saved-syn.ts';
import { Socket } from './socket.ts';
import { SOCK_OPS } from './socket-hooks.ts';
import { TcpOutput } from './tcp-output.ts';
import { refuseSegment } from './tcp-refuse.ts';
import { ACK, before, FIN, parseSegment, type ReceivedSegment, RST, type Segment, SYN } from './tcp-segment.ts';
import {
  FIN_ACKNOWLEDGED,
  FIN_RECEIVED,
  isSynchronized,
  TCP_STATES,
  type TcpFigures,
  type TcpState,
} from './tcp-state.ts';

const EMPTY = new Uint8Array(0);
/** Bytes that wait to be received. */
const RECEIVE_BUFFER = 131072;
/** How long the end that closed first keeps the port. Nanoseconds. */
const TIME_WAIT = 60_000_000_000n;

/**
 * What a TCP socket does when segments come. They come in order here, so what comes out of order is not kept but sent again.
 */
export abstract class TcpConnection extends Socket {
  readonly protocol = IPPROTO_TCP;
  state: TcpState = 'close';
  /** The next number that is expected. */
  received = 0;
  output = new TcpOutput(this, 0);
  override readonly control = new CongestionControl(this);
  protected readonly queue = new ReceiveQueue();
  /** The other end has finished. */
  protected ended = false;
  /** And this one. */
  protected shut = false;
  /** There is something to compare segments with. */
  #predicts = false;
  /** TCP_SAVED_SYN: how it was asked for. */
  savedSyn: SavedSyn | undefined;

  /** A segment for who listens. */
  protected abstract receiveOpening(segment: Segment, packet: IpPacket, frame: Incoming): void;
  /** The handshake is done: whether who listens has room for it. */
  protected abstract handOver(): boolean;
  /** It ends, maybe before anybody had it. */
  protected abstract abandon(): void;

  override get stateNumber(): number {
    return TCP_STATES[this.state];
  }
  override get segmentSize(): number {
    return this.output.mss;
  }
  override get figures(): TcpFigures {
    const { received, output } = this;
    return {
      rcv_nxt: received,
      snd_nxt: output.next,
      snd_una: output.una,
      mss_cache: output.mss,
      snd_cwnd: this.control.read('snd_cwnd') || 10,
      srtt_us: output.smoothedTime,
    };
  }
  get room(): number {
    if (this.psock?.blocked) return 0;
    return Math.max(0, RECEIVE_BUFFER - this.queue.size - (this.psock?.held ?? 0));
  }
  /** What a segment to us may hold at most. Bytes. */
  get ownMss(): number {
    return largestSegment(this);
  }

  override get redirectable(): boolean {
    return this.state !== 'listen';
  }
  override get congested(): boolean {
    return this.output.room <= 0 || this.queue.size >= RECEIVE_BUFFER;
  }
  override takeIn(data: Uint8Array): number {
    this.queue.add(data);
    this.network.machine.wake.all();
    return 0;
  }
  override sendOut(data: Uint8Array): number {
    if (this.shut || (this.state !== 'established' && this.state !== 'close_wait')) return -errno.EPIPE;
    this.output.add(data);
    this.output.push();
    return data.length;
  }
  override resume(): void {
    if (isSynchronized(this.state)) this.acknowledge();
  }

  override receive(packet: IpPacket, _device: Device, frame: Incoming): void {
    const segment = parseSegment(packet);
    if (segment === undefined) return;
    if (this.state === 'listen') this.receiveOpening(segment, packet, frame);
    else if (this.state === 'syn_sent') this.#receiveAnswer(segment, packet);
    else this.#receiveConnected(segment, packet);
    this.network.machine.wake.all();
  }

  sendSegment(bytes: Uint8Array, { local, remote }: Pick<Flow, 'local' | 'remote'>): number {
    return this.transmit(bytes, remote.address, local.address);
  }

  /** Ends the attempt to connect; a connection that stands goes on trying. */
  override unreachable(error: number): void {
    if (this.state === 'syn_sent') this.#reset(error);
  }

  timedOut(): void {
    this.#reset(errno.ETIMEDOUT);
  }

  #receiveAnswer(segment: ReceivedSegment, packet: IpPacket): void {
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
    this.synchronize(segment);
    this.output.acknowledge(ack, segment.timestamps?.[1]);
    this.control.answered(ack);
    this.become('established');
    this.hooks.sockOps(this, { op: SOCK_OPS.activeEstablished, segment: showSegment(segment.bytes) });
    this.control.begin();
    this.acknowledge();
  }

  /** From the other end's SYN: its first number, its window, and what it can do. */
  protected synchronize({ seq, window, mss, scale, timestamps }: Segment): void {
    this.received = (seq + 1) >>> 0;
    this.output.window = window;
    this.output.scale = scale ?? 0;
    this.output.mss = Math.min(mss ?? 536, this.ownMss);
    this.output.peerTime = timestamps?.[0] ?? 0;
  }

  #receiveConnected(segment: ReceivedSegment, packet: IpPacket): void {
    const { flags, seq, ack } = segment;
    if ((flags & RST) !== 0) {
      if (seq === this.received) this.#reset(this.state === 'close_wait' ? errno.EPIPE : errno.ECONNRESET);
      return;
    }
    if ((flags & SYN) !== 0) {
      if (this.state === 'syn_recv') this.output.syn(true);
      else this.acknowledge();
      return;
    }
    if ((flags & ACK) === 0) return;
    if (this.state === 'syn_recv') {
      if (!this.#establish(segment, packet)) return;
    } else if (!this.#predicts || !isPredicted(this, segment)) parseOptionsBy(this, segment);
    if (!this.output.acknowledge(ack, segment.timestamps?.[1])) {
      this.acknowledge();
      return;
    }
    if (!before(seq, this.received)) this.output.peerTime = segment.timestamps?.[0] ?? 0;
    const window = segment.window << this.output.scale;
    if (window !== this.output.window || segment.payload.length > 0) this.#predicts = true;
    this.output.window = window;
    this.relieve();
    const next = this.output.finAcknowledged ? FIN_ACKNOWLEDGED[this.state] : undefined;
    if (next !== undefined) this.#advance(next);
    if (segment.payload.length > 0 || (flags & FIN) !== 0) this.#receiveData(segment, packet);
    if (isSynchronized(this.state)) this.output.push();
  }

  /** The last step of being connected to. */
  #establish({ ack, bytes, timestamps }: ReceivedSegment, packet: IpPacket): boolean {
    if (ack !== this.output.next) {
      refuseSegment(this.network, packet);
      return false;
    }
    if (!this.handOver()) return false;
    this.#predicts = true;
    this.output.acknowledge(ack, timestamps?.[1]);
    this.hooks.sockOps(this, { op: SOCK_OPS.passiveEstablished, segment: showSegment(bytes) });
    this.become('established');
    this.control.begin();
    return true;
  }

  #receiveData({ seq, payload, flags }: Segment, packet: IpPacket): void {
    const known = (this.received - seq) | 0;
    const fresh = payload.subarray(Math.min(payload.length, Math.max(0, known)));
    const isNext = known >= 0 && known <= payload.length && !this.ended;
    if (isNext && fresh.length > 0) {
      if (this.closed) {
        refuseSegment(this.network, packet);
        this.end();
        return;
      }
      if (fresh.length > this.room) {
        this.acknowledge();
        return;
      }
      if (this.psock?.judgesIncoming) this.#judge(this.psock, fresh);
      else this.queue.add(fresh);
      this.received = (this.received + fresh.length) >>> 0;
    }
    if (isNext && (flags & FIN) !== 0) {
      this.received = (this.received + 1) >>> 0;
      this.ended = true;
      const next = FIN_RECEIVED[this.state];
      const open = this.state === 'established';
      if (!open) this.acknowledge();
      if (next !== undefined) this.#advance(next);
      if (!open) return;
    }
    this.acknowledge();
  }

  #judge(psock: Psock, fresh: Uint8Array): void {
    // What nobody had received before the programs came is theirs too, once more comes.
    const early = psock.begins() ? this.queue.take(this.queue.size) : EMPTY;
    if (early.length > 0) psock.receive(early);
    psock.receive(fresh);
  }

  protected acknowledge(): void {
    this.output.send(ACK, this.output.next, EMPTY);
  }

  protected finish(): void {
    if (this.shut) return;
    this.shut = true;
    this.output.finished = true;
    this.become(this.state === 'close_wait' ? 'last_ack' : 'fin_wait1');
    this.output.push();
  }

  #advance(state: TcpState): void {
    if (state === 'close') this.end();
    else if (state === 'time_wait') {
      this.endLater();
      this.state = state;
    } else {
      this.become(state);
      if (state === 'fin_wait2' && this.closed) this.endLater();
    }
  }

  /** What waits for its end is less than a socket: programs are told that it is closed, and no more. */
  protected endLater(): void {
    this.#tellState('close');
    this.control.end();
    this.sockOpsFlags = 0;
    this.network.machine.timers.after(TIME_WAIT, () => this.end());
  }

  protected abort(): void {
    if (this.state !== 'close') {
      this.become('close');
      this.output.send(RST | ACK, this.output.next, EMPTY);
    }
    this.end();
  }

  #reset(error: number): void {
    this.fail(error);
    this.end();
  }

  protected end(): void {
    const { sockets } = this.network.inet;
    this.output.stop();
    sockets.disconnect(this);
    sockets.givePort(this);
    if (this.closed) this.network.machine.socketViews.forget(this);
    if (this.state !== 'close') this.become('close');
    if (this.closed) this.control.drop();
    this.abandon();
  }

  protected become(state: TcpState): void {
    this.#tellState(state);
    if (state === 'close') this.control.end();
    this.state = state;
  }

  #tellState(next: TcpState): void {
    this.hooks.sockOps(this, { op: SOCK_OPS.state, args: [TCP_STATES[this.state], TCP_STATES[next]] });
  }
}
