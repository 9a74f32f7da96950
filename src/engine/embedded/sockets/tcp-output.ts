import type { Timer } from '../timers.ts';
import { optionsBy, reserveOptions } from './header-options.ts';
import { IPPROTO_TCP, programOption, TCP_SYNCNT } from './program-options.ts';
import { RoundTrip } from './round-trip.ts';
import type { SavedSyn } from './saved-syn.ts';
import { SOCK_OPS } from './socket-hooks.ts';
import type { TcpConnection } from './tcp-connection.ts';
import {
  ACK,
  before,
  encodeSegment,
  FIN,
  MAX_OPTIONS,
  PSH,
  type Segment,
  SYN,
  TIMESTAMP_OPTION,
  WINDOW_SCALE,
} from './tcp-segment.ts';

const EMPTY = new Uint8Array(0);
/** Bytes that wait to be sent or acknowledged. */
export const SEND_BUFFER = 256 * 1024;
const SECOND = 1_000_000_000n;
/** Nanoseconds of one of Linux's clock, with CONFIG_HZ=250. */
const TICK = 4_000_000n;
/** tcp_syn_linear_timeouts, tcp_synack_retries, tcp_retries2 of Linux. */
const SYN_LINEAR = 4;
const SYNACK_RETRIES = 5;
const DATA_RETRIES = 15;
const MIN_RTO = SECOND / 5n;
const MAX_RTO = 120n * SECOND;
/** What we say that we take, before and after windows are scaled. */
const FIRST_WINDOW = 64240;
const ANSWER_WINDOW = 65160;
const MAX_WINDOW = 64256;

/** The sending half of a connection: what is on its way, and when it is sent again. */
export class TcpOutput {
  readonly #socket: TcpConnection;
  readonly #first: number;
  /** The first number that is not acknowledged, the next one to be sent, and the one behind all that ever were. */
  una: number;
  next: number;
  max: number;
  /** The bytes from `una` on, without SYN and FIN. */
  #queue: Uint8Array = EMPTY;
  /** There is no more to come. */
  finished = false;
  /** The number behind our FIN, once it was sent. */
  #finSeq: number | undefined;
  #retries = 0;
  readonly #roundTrip = new RoundTrip();
  /** Of all that is acknowledged beyond, programs are told once more how long it took. */
  #measured: number | undefined;
  /** When we began to ask for a connection. */
  #began = 0n;
  /** What programs have said of how it begins: bytes that it takes, and how long an answer may take. */
  #firstWindow = Number.POSITIVE_INFINITY;
  #firstTimeout = SECOND;
  #timer: Timer | undefined;
  /** Of the other end: bytes that it takes, and of one segment. */
  window = 0;
  scale = 0;
  mss = 536;
  /** What the other end sent as its time. */
  peerTime = 0;

  constructor(socket: TcpConnection, first: number) {
    this.#socket = socket;
    this.#first = first;
    this.una = this.next = this.max = first;
  }

  get room(): number {
    return SEND_BUFFER - this.#queue.length;
  }
  /** Bytes that one segment holds. */
  get segment(): number {
    return this.mss - TIMESTAMP_OPTION;
  }
  /** Segments with data that are on their way. */
  get inFlight(): number {
    return this.#packets(Math.min(this.#queue.length, (this.next - this.una) >>> 0));
  }
  get queued(): number {
    return this.#queue.length;
  }
  get smoothedTime(): number {
    return this.#roundTrip.smoothed;
  }

  add(data: Uint8Array): void {
    const queue = new Uint8Array(this.#queue.length + data.length);
    queue.set(this.#queue);
    queue.set(data, this.#queue.length);
    this.#queue = queue;
  }

  /** Asks the programs how a connection begins. */
  begin(savedSyn?: SavedSyn): void {
    const segments = this.#tell(SOCK_OPS.rwndInit);
    if (segments > 0) this.#firstWindow = segments * this.#socket.ownMss;
    this.#socket.savedSyn = savedSyn;
    const ticks = this.#tell(SOCK_OPS.timeoutInit);
    if (ticks > 0) this.#firstTimeout = BigInt(ticks) * TICK;
    if (!this.#socket.requested) this.#tell(SOCK_OPS.needsEcn);
  }
  #tell(op: number, ...args: readonly number[]): number {
    return this.#socket.hooks.sockOps(this.#socket, { op, args });
  }
  get #now(): bigint {
    return this.#socket.network.machine.clock.now();
  }

  /** SYN, or with `ack` the answer to one, which has come just now if it is given. */
  syn(ack: boolean, answered?: SavedSyn): number {
    if (this.max === this.#first) {
      this.#began = this.#now;
      this.#sent(1, false);
    }
    this.#arm();
    const { ownMss } = this.#socket;
    const window = Math.min(ack ? ANSWER_WINDOW : FIRST_WINDOW, this.#firstWindow);
    const segment = { mss: ownMss, scale: WINDOW_SCALE, window };
    return this.send(ack ? SYN | ACK : SYN, this.#first, EMPTY, segment, answered);
  }

  /** An acknowledgement. True if it is one of something that was sent. */
  acknowledge(ack: number, echo?: number): boolean {
    if (before(ack, this.una) || before(this.max, ack)) return false;
    if (ack === this.una) return true;
    const bytes = (ack - this.una) >>> 0;
    // SYN and FIN have a number each, but no byte.
    const syn = this.una === this.#first ? 1 : 0;
    const { inFlight } = this;
    const packets = this.#packets(Math.min(this.#queue.length, bytes - syn));
    this.#queue = this.#queue.slice(Math.min(this.#queue.length, bytes - syn));
    this.una = ack;
    if (before(this.next, ack)) this.next = ack;
    const took = this.#roundTrip.acknowledged(ack, this.#now, echo);
    if (took !== undefined && (this.#measured === undefined || before(this.#measured, ack))) {
      this.#measured = this.next;
      this.#tell(SOCK_OPS.rtt, took, this.#roundTrip.smoothed);
    }
    this.#retries = 0;
    this.#arm();
    this.#socket.control.acknowledged({ ack, packets, inFlight, echo: echo ?? 0 });
    return true;
  }

  get finAcknowledged(): boolean {
    return this.#finSeq !== undefined && this.una === this.#finSeq;
  }

  #packets(bytes: number): number {
    return Math.ceil(bytes / Math.max(1, this.segment));
  }

  /** Sends what the other end has room for, and our FIN when all is sent. */
  push(): void {
    const { control } = this.#socket;
    const options =
      TIMESTAMP_OPTION + (this.#pending <= 0 ? 0 : reserveOptions(this.#socket, MAX_OPTIONS - TIMESTAMP_OPTION));
    for (;;) {
      const sent = (this.next - this.una) >>> 0;
      const room = Math.min(this.window, control.window * this.segment) - sent;
      // However little the other end says that it takes.
      const size = Math.min(this.#queue.length - sent, Math.max(1, this.mss - options), room);
      if (size <= 0) break;
      if (!before(this.next, this.max)) control.sends(this.inFlight, (this.next + size) >>> 0);
      const last = sent + size === this.#queue.length;
      const fin = last && this.finished;
      const data = this.#queue.subarray(sent, sent + size);
      this.#sendNext(ACK | (last ? PSH : 0) | (fin ? FIN : 0), data);
    }
    control.sent(this.inFlight);
    if (!this.finished || this.#pending !== 0 || (this.#finSeq !== undefined && !before(this.next, this.#finSeq)))
      return;
    this.#sendNext(FIN | ACK, EMPTY);
  }

  #sendNext(flags: number, data: Uint8Array): void {
    const seq = this.next;
    const again = before(seq, this.max);
    const fin = (flags & FIN) !== 0;
    this.#sent(data.length + (fin ? 1 : 0), fin);
    const sent = this.send(flags, seq, data);
    if (again) this.#tell(SOCK_OPS.retrans, seq, 1, sent);
  }

  /** Bytes that were not sent yet. */
  get #pending(): number {
    return this.#queue.length - ((this.next - this.una) >>> 0);
  }

  #sent(numbers: number, fin: boolean): void {
    this.next = (this.next + numbers) >>> 0;
    if (before(this.max, this.next)) {
      this.max = this.next;
      this.#roundTrip.sent(this.next, this.#now);
    }
    if (fin) this.#finSeq = this.next;
    if (this.#timer === undefined) this.#arm();
  }

  send(flags: number, seq: number, payload: Uint8Array, more: Partial<Segment> = {}, syn?: SavedSyn): number {
    const { received } = this.#socket;
    const { local, remote } = this.#socket.flow;
    const segment: Segment = {
      sourcePort: local.port,
      destinationPort: remote.port,
      seq,
      ack: (flags & ACK) === 0 ? 0 : received,
      flags,
      window: Math.min(MAX_WINDOW, this.#socket.room) >> WINDOW_SCALE,
      mss: undefined,
      scale: undefined,
      timestamps: [this.#time, (flags & ACK) === 0 ? 0 : this.peerTime],
      payload,
      ...more,
    };
    const options = optionsBy(this.#socket, { flags, payload, syn });
    return this.#socket.sendSegment(encodeSegment(local.address, remote.address, segment, options), { local, remote });
  }

  /** An acknowledgement by itself. */
  acknowledges(received: number): void {
    this.send(ACK, this.next, EMPTY, { ack: received });
  }

  /** What timestamps say. */
  get #time(): number {
    return Number((this.#socket.network.machine.clock.now() / 1_000_000n) & 0xffff_ffffn);
  }

  stop(): void {
    this.#socket.network.machine.timers.cancel(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    const { timers } = this.#socket.network.machine;
    timers.cancel(this.#timer);
    this.#timer = this.una === this.max ? undefined : timers.after(this.#timeout(), () => this.#again());
  }

  #timeout(): bigint {
    const { state } = this.#socket;
    const first = this.#firstTimeout;
    const rto =
      state === 'syn_sent'
        ? first << BigInt(Math.max(0, this.#retries - SYN_LINEAR))
        : (state === 'syn_recv' ? first : MIN_RTO) << BigInt(this.#retries);
    return rto < MAX_RTO ? rto : MAX_RTO;
  }

  #again(): void {
    this.#timer = undefined;
    const { state, requested } = this.#socket;
    const expired = this.#isExpired();
    if (!requested) this.#tell(SOCK_OPS.rto, this.#retries, Number(this.#timeout() / TICK), Number(expired));
    if (expired) {
      this.#socket.timedOut();
      return;
    }
    this.#retries++;
    this.#roundTrip.sentAgain(this.max);
    if (state === 'syn_sent' || state === 'syn_recv') {
      const sent = this.syn(state === 'syn_recv');
      if (!requested) this.#tell(SOCK_OPS.retrans, this.#first, 1, sent);
    } else {
      this.#socket.control.timedOut(this.#time);
      this.next = this.una;
      this.push();
      this.#arm();
    }
    this.#socket.network.machine.traffic.drain();
  }

  /** Nobody answers. Of a connection that is asked for, it is also given up when so much time has passed as with pauses that double each time. */
  #isExpired(): boolean {
    switch (this.#socket.state) {
      case 'syn_sent': {
        const wanted = programOption(this.#socket, IPPROTO_TCP, TCP_SYNCNT) ?? 0;
        const patience = this.#firstTimeout * ((2n << BigInt(wanted)) - 1n);
        return this.#retries >= wanted + SYN_LINEAR || this.#now - this.#began >= patience;
      }
      case 'syn_recv':
        return this.#retries >= SYNACK_RETRIES;
      default:
        return this.#retries >= DATA_RETRIES;
    }
  }
}
