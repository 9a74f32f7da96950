import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { Placed } from '../placed.ts';
import type { FilledOps } from '../struct-ops/kind.ts';
import type { TcpConnection } from './tcp-connection.ts';
import { before } from './tcp-segment.ts';
import { isSynchronized, TCP_STATES } from './tcp-state.ts';

const WORD = 8;
/** TCP_INIT_CWND, TCP_INFINITE_SSTHRESH, and the highest that a window may be. Segments. */
const FIRST_WINDOW = 10;
const NO_THRESHOLD = 0x7fffffff;
const NO_CLAMP = 0xffffffff;
/** enum tcp_ca_event, enum tcp_ca_state, and what an acknowledgement is of. */
const EVENT = { txStart: 0, loss: 3 } as const;
const STATE = { open: 0, loss: 4 } as const;
const FLAG_DATA_ACKED = 0x04;
const FLAG_SYN_ACKED = 0x10;

/** What has come of an acknowledgement. */
export interface Acknowledged {
  readonly ack: number;
  /** Segments. */
  readonly packets: number;
  /** On their way before. */
  readonly inFlight: number;
  /** The time of ours that the other end has answered. Milliseconds; 0: it does not say. */
  readonly echo: number;
}

/**
 * How many segments of a connection may be on their way. The kernel's own controls set no limit here; programs set one, in a struct tcp_sock of the connection's in linear memory, which
 * they are told of what happens with.
 */
export class CongestionControl {
  readonly #socket: TcpConnection;
  #name = 'cubic';
  #ops: FilledOps | undefined;
  /** The struct tcp_sock. It stays as long as the socket: a program may be at it that has just chosen another control. */
  #sock: Placed | undefined;
  #begun = false;
  #changing = false;
  /** Calls that are under way, and what is given back behind them. */
  #calls = 0;
  readonly #unused: FilledOps[] = [];
  #delivered = 0;
  #lost = false;
  /** Of the last retransmission, as our timestamps say it. */
  #sentAgain = 0;
  /** One segment that is timed: the number behind it, and when it was sent. */
  #timed: { readonly next: number; readonly at: bigint } | undefined;

  constructor(socket: TcpConnection) {
    this.#socket = socket;
  }

  get name(): string {
    return this.#name;
  }

  /** Segments; infinite where no program sets a limit. */
  get window(): number {
    return this.#begun ? Math.max(1, this.read('snd_cwnd')) : Number.POSITIVE_INFINITY;
  }

  /** TCP_CONGESTION. 0, -ENOENT: there is none of the name; -EBUSY: one is being chosen. */
  choose(name: string): number {
    const { congestion } = this.#socket.network.machine;
    if (!congestion.has(name)) return -errno.ENOENT;
    const ops = congestion.programs(name);
    if (name === this.#name && ops === this.#ops) return 0;
    if (this.#changing) return -errno.EBUSY;
    this.#changing = true;
    this.end();
    this.#take(name, ops);
    if (isSynchronized(this.#socket.state)) this.begin();
    this.#changing = false;
    return 0;
  }

  /** Has from a listener what it has. */
  follow(other: CongestionControl): void {
    this.#take(other.#name, other.#ops);
  }

  #take(name: string, ops: FilledOps | undefined): void {
    const old = this.#ops;
    ops?.get();
    this.#name = name;
    this.#ops = ops;
    if (old !== undefined) this.#unused.push(old);
    this.#giveBack();
  }

  #giveBack(): void {
    if (this.#calls === 0) for (const ops of this.#unused.splice(0)) ops.put();
  }

  /** The struct is there. */
  #prepare(): boolean {
    const { memory, socketViews } = this.#socket.network.machine;
    if (this.#ops === undefined) return false;
    if (this.#sock !== undefined) return true;
    const { size } = this.#struct('tcp_sock');
    this.#sock = size === 0 ? undefined : Placed.put(memory, new Uint8Array(size));
    if (this.#sock === undefined) return false;
    socketViews.add(this.#sock.address, this.#socket);
    this.write('snd_cwnd', FIRST_WINDOW);
    this.write('snd_ssthresh', NO_THRESHOLD);
    this.write('snd_cwnd_clamp', NO_CLAMP);
    return true;
  }

  /** The connection stands. */
  begin(): void {
    if (this.#begun || !this.#prepare()) return;
    this.#begun = true;
    this.#call('init');
  }

  /** There is no connection any more, or another control decides. */
  end(): void {
    if (!this.#begun) return;
    this.#call('release');
    this.#begun = false;
    this.#lost = false;
    this.#timed = undefined;
  }

  /** The socket is gone. */
  drop(): void {
    this.end();
    this.#take(this.#name, undefined);
    if (this.#sock === undefined) return;
    this.#socket.network.machine.socketViews.remove(this.#sock.address);
    this.#sock[Symbol.dispose]();
    this.#sock = undefined;
  }

  /** A segment is about to be sent for the first time; `inFlight`: others that are on their way. */
  sends(inFlight: number, next: number): void {
    if (!this.#begun) return;
    if (inFlight === 0) this.#call('cwnd_event', EVENT.txStart);
    this.#timed ??= { next, at: this.#now };
  }
  /** All that could be sent was. */
  sent(inFlight: number): void {
    if (this.#begun) this.write('max_packets_out', inFlight);
  }

  /** The SYN was answered, which programs are told before they begin. */
  answered(ack: number): void {
    if (!this.#begun && this.#prepare()) this.#tell(ack, 1, 0, FLAG_SYN_ACKED);
  }

  acknowledged({ ack, packets, inFlight, echo }: Acknowledged): void {
    if (!this.#begun || packets <= 0) return;
    this.#tell(ack, packets, inFlight, FLAG_DATA_ACKED, echo);
  }

  #tell(ack: number, packets: number, inFlight: number, flag: number, echo = 0): void {
    this.#delivered += packets;
    const rtt = this.#measure(ack);
    this.#call('in_ack_event', 0);
    const sample = { pkts_acked: packets, rtt_us: rtt, in_flight: packets * this.#socket.output.segment };
    this.#callWith('pkts_acked', [], 'ack_sample', sample);
    if (this.#lost) this.#recover(ack, echo);
    if (this.#ops?.functions.has('cong_control') === true) {
      const counts = { delivered: packets, acked_sacked: packets, prior_in_flight: inFlight };
      this.#callWith('cong_control', [ack, flag], 'rate_sample', { ...counts, rtt_us: rtt, interval_us: rtt });
    } else if (flag === FLAG_DATA_ACKED) this.#call('cong_avoid', ack, packets);
  }

  /** What was sent did not come back in time, and will be sent again. `now`: as timestamps say it. */
  timedOut(now: number): void {
    if (!this.#begun) return;
    this.#timed = undefined;
    this.#sentAgain = now;
    if (!this.#lost) {
      this.write('prior_ssthresh', this.read('snd_ssthresh'));
      this.write('prior_cwnd', this.read('snd_cwnd'));
      this.write('snd_ssthresh', this.#call('ssthresh') ?? NO_THRESHOLD);
      this.#call('cwnd_event', EVENT.loss);
    }
    this.write('snd_cwnd', 1);
    this.write('snd_cwnd_cnt', 0);
    this.#lost = true;
    this.#call('set_state', STATE.loss);
    this.write('high_seq', this.#socket.output.max);
  }

  /** All that was lost has arrived; or the answer is to what was sent first, and nothing was lost. */
  #recover(ack: number, echo: number): void {
    const isSpurious = echo !== 0 && before(echo, this.#sentAgain);
    if (!isSpurious && before(ack, this.read('high_seq'))) return;
    if (isSpurious) {
      this.write('snd_cwnd', this.#call('undo_cwnd') ?? this.read('snd_cwnd'));
      this.write('snd_ssthresh', Math.max(this.read('snd_ssthresh'), this.read('prior_ssthresh')));
    }
    this.#lost = false;
    this.#call('set_state', STATE.open);
  }

  /** Microseconds that the timed segment took; -1: none was answered. */
  #measure(ack: number): number {
    const timed = this.#timed;
    if (timed === undefined || before(ack, timed.next)) return -1;
    this.#timed = undefined;
    return Number((this.#now - timed.at) / 1000n);
  }

  get #now(): bigint {
    return this.#socket.network.machine.clock.now();
  }

  /** A number of the struct tcp_sock; 0 if the kernel's types do not have it. */
  read(member: string): number {
    const place = this.#struct('tcp_sock').place(member);
    const { dv } = this.#socket.network.machine.memory;
    return this.#sock === undefined || place === undefined ? 0 : dv.getUint32(this.#sock.address + place, true);
  }
  write(member: string, value: number): void {
    const place = this.#struct('tcp_sock').place(member);
    const { dv } = this.#socket.network.machine.memory;
    if (this.#sock !== undefined && place !== undefined) dv.setUint32(this.#sock.address + place, value, true);
  }

  #struct(name: string) {
    return this.#socket.network.machine.kernelStruct(name);
  }

  /** What it returned, unsigned; `undefined`: no program is this function. */
  #call(name: string, ...args: readonly number[]): number | undefined {
    return this.#ops?.functions.has(name) === true ? this.#run(name, args) : undefined;
  }

  /** With the address of a struct behind its arguments. */
  #callWith(name: string, args: readonly number[], struct: string, values: Readonly<Record<string, number>>): void {
    if (this.#ops?.functions.has(name) !== true) return;
    const { memory } = this.#socket.network.machine;
    using placed = Placed.put(
      memory,
      new Uint8Array(this.#struct(struct).size),
      Math.max(WORD, this.#struct(struct).size),
    );
    if (placed === undefined) return;
    this.#struct(struct).write(memory, placed.address, values);
    this.#run(name, [...args, placed.address]);
  }

  #run(name: string, args: readonly number[]): number | undefined {
    const { machine } = this.#socket.network;
    const prog = this.#ops?.functions.get(name);
    const sock = this.#sock;
    if (prog === undefined || sock === undefined) return undefined;
    this.#show();
    const words = BigUint64Array.of(BigInt(sock.address), ...args.map((arg) => BigInt.asUintN(64, BigInt(arg))));
    using context = Placed.put(machine.memory, new Uint8Array(words.buffer));
    if (context === undefined) return undefined;
    this.#calls++;
    const { value } = interpreterOf(machine).runProgram(prog, context.address);
    this.#calls--;
    this.#giveBack();
    return value >>> 0;
  }

  /** Writes what programs only read. */
  #show(): void {
    const { output, received, state, local, remote, network } = this.#socket;
    const { memory } = network.machine;
    const address = this.#sock?.address ?? 0;
    this.#struct('tcp_sock').write(memory, address, {
      snd_una: output.una,
      snd_nxt: output.next,
      write_seq: output.una + output.queued,
      rcv_nxt: received,
      snd_wnd: output.window,
      mss_cache: output.segment,
      packets_out: output.inFlight,
      delivered: this.#delivered,
      tcp_mstamp: this.#now / 1000n,
    });
    const port = ((remote.port & 0xff) << 8) | (remote.port >> 8);
    this.#struct('sock_common').write(memory, address, {
      skc_state: TCP_STATES[state],
      skc_family: this.#socket.family,
      skc_num: local.port,
      skc_dport: port,
    });
  }
}
