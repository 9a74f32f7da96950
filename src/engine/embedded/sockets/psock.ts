import { concatBytes } from '../../../bytes/plain.ts';
import { errno } from '../../../uapi/errno.ts';
import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import { AF_INET } from '../inet/address.ts';
import { swap16 } from '../interp/arith.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { SocketMap } from '../maps/socket-map.ts';
import { ETH_HLEN, PACKET_HOST } from '../progs/frame.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { SocketRedirect } from '../progs/sk-msg.ts';
import { SK_BUFF, Skb } from '../progs/skb.ts';
import { MsgVerdict } from './msg-verdict.ts';
import type { Socket } from './socket.ts';
import { StreamParser } from './stream-parser.ts';

const SK_PASS = 1;
const IPPROTO_TCP = 6;

/** What decides about what comes: the programs of a map as they were when the socket was put in. */
interface Incoming {
  readonly map: SocketMap;
  readonly verdict: BpfProg;
  readonly parser: { readonly prog: BpfProg; readonly stream: StreamParser } | undefined;
}

/** What the programs of maps do with the data of a socket that is in the maps. */
export class Psock {
  readonly #socket: Socket;
  #incoming: Incoming | undefined;
  #outgoing: MsgVerdict | undefined;
  /** A parser that a map had without a verdict: it takes the place of others. */
  #idleParser: SocketMap | undefined;
  #begun = false;
  /** Who got what came last, if a program sent it elsewhere. */
  #target: Socket | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether a map's programs can be the socket's too: 0, -EBUSY if it has such, -EOPNOTSUPP for a parser of what is no stream. */
  check({ programs }: SocketMap): number {
    const parser = programs.at('sk_skb_stream_parser') !== undefined;
    const stream = programs.at('sk_skb_stream_verdict') !== undefined;
    const verdict = stream || programs.at('sk_skb_verdict') !== undefined;
    const parsed = this.#incoming?.parser !== undefined || this.#idleParser !== undefined;
    if (programs.at('sk_msg_verdict') !== undefined && this.#outgoing !== undefined) return -errno.EBUSY;
    if ((verdict && this.#incoming !== undefined) || (parser && parsed)) return -errno.EBUSY;
    return parser && stream && this.#socket.protocol !== IPPROTO_TCP ? -errno.EOPNOTSUPP : 0;
  }

  /** The socket is put into a map. */
  join(map: SocketMap): void {
    const { programs } = map;
    const msg = programs.at('sk_msg_verdict');
    if (msg !== undefined) this.#outgoing = new MsgVerdict(this.#socket, msg);
    const parser = programs.at('sk_skb_stream_parser');
    const stream = programs.at('sk_skb_stream_verdict');
    const verdict = stream ?? programs.at('sk_skb_verdict');
    if (verdict === undefined) {
      if (parser !== undefined) this.#idleParser = map;
      return;
    }
    const parses = parser !== undefined && stream !== undefined;
    this.#begun = false;
    this.#incoming = {
      map,
      verdict: verdict.get(),
      parser: parses ? { prog: parser.get(), stream: new StreamParser() } : undefined,
    };
  }

  /** It has left one. */
  leave(map: SocketMap): void {
    if (this.#incoming?.map === map) this.#stop();
    if (this.#idleParser === map) this.#idleParser = undefined;
  }
  /** And the last one. */
  end(): void {
    this.#stop();
    this.#outgoing?.end();
    this.#outgoing = undefined;
  }
  #stop(): void {
    this.#incoming?.verdict.put();
    this.#incoming?.parser?.prog.put();
    this.#incoming = undefined;
  }

  get judgesIncoming(): boolean {
    return this.#incoming !== undefined;
  }
  get judgesOutgoing(): boolean {
    return this.#outgoing !== undefined;
  }
  /** Bytes that have come and are no message yet. */
  get held(): number {
    return this.#incoming?.parser?.stream.held ?? 0;
  }
  /** Whether no more may come: the socket that gets it has no room. */
  get blocked(): boolean {
    return this.#target !== undefined && !this.#target.closed && this.#target.congested;
  }

  /** What the socket sends: bytes that were taken, or -errno. */
  send(data: Uint8Array): number {
    return this.#outgoing?.send(data) ?? this.#socket.sendOut(data);
  }

  /** Whether these are the first data that the programs decide about. */
  begins(): boolean {
    const begins = !this.#begun;
    this.#begun = true;
    return begins;
  }

  /** What has come: a segment or a datagram. */
  receive(data: Uint8Array): void {
    const parser = this.#incoming?.parser;
    if (parser === undefined) this.#judge(data, 0, data.length);
    else {
      const measure = (seen: Uint8Array) => this.#run(parser.prog, seen)?.value ?? -1;
      parser.stream.add(data, measure, ({ seen, offset, length }) => this.#judge(seen, offset, length));
    }
  }

  #judge(seen: Uint8Array, offset: number, length: number): void {
    // The program may have taken the socket out of its map before.
    const ran = this.#incoming === undefined ? undefined : this.#run(this.#incoming.verdict, seen);
    if (ran?.value !== SK_PASS) return;
    const data = ran.bytes.subarray(offset, offset + length + ran.bytes.length - seen.length);
    const to = ran.redirect?.socket;
    // Who sends datagrams cannot be made to wait.
    if (to?.congested && this.#socket.protocol !== IPPROTO_TCP) return;
    this.#target = to;
    if (to === undefined) this.#socket.takeIn(data);
    else if (ran.redirect?.ingress) to.takeIn(data);
    else to.sendOut(data);
    if (this.blocked) to?.waiting.add(this.#socket);
  }

  /** What a program says of data, and what it has made of it. */
  #run(
    prog: BpfProg,
    data: Uint8Array,
  ): { value: number; bytes: Uint8Array; redirect: SocketRedirect | undefined } | undefined {
    const { machine } = this.#socket.network;
    const skb = skbOf(this.#socket, data);
    if (skb === undefined) return undefined;
    skb.publish();
    const { value, fault } = interpreterOf(machine).runProgram(prog, skb.context, skb);
    const result = { value: fault === undefined ? value | 0 : 0, bytes: skb.payload(), redirect: skb.socketRedirect };
    skb.free();
    return result;
  }
}

/** Data as programs see it: without headers, and what a stream brings not before they pull it. */
function skbOf(socket: Socket, data: Uint8Array): Skb | undefined {
  const { memory } = socket.network.machine;
  const frame = concatBytes([new Uint8Array(ETH_HLEN), data]);
  const skb = Skb.create(memory, { frame, netns: socket.network, ifindex: 0, ingressIfindex: 0, pktType: PACKET_HOST });
  if (skb === undefined) return undefined;
  skb.pullLinkHeader();
  const v4 = socket.family === AF_INET;
  skb.protocol = v4 ? ETH_P_IP : ETH_P_IPV6;
  skb.sender = socket;
  if (socket.protocol === IPPROTO_TCP) skb.linear = 0;
  const { context } = skb;
  const { local, remote } = socket;
  memory.dv.setUint32(context + SK_BUFF.family, socket.family, true);
  memory.dv.setUint32(context + SK_BUFF.remote_port, swap16(remote.port) * 0x1_0000, true);
  memory.dv.setUint32(context + SK_BUFF.local_port, local.port, true);
  memory.u8.set(remote.address, context + (v4 ? SK_BUFF.remote_ip4 : SK_BUFF.remote_ip6));
  memory.u8.set(local.address, context + (v4 ? SK_BUFF.local_ip4 : SK_BUFF.local_ip6));
  return skb;
}
