import { expect } from 'vitest';
import { parsePacket } from '../../src/engine/embedded/inet/packet.ts';
import { attachToCgroup, type LoadedObject, load, openObject } from '../../src/index.ts';
import { findCgroups } from '../../src/loader/cgroups.ts';
import { findDevice } from '../../src/loader/devices.ts';
import { encodeNeighbour } from '../../src/net/index.ts';
import { errno } from '../../src/uapi/errno.ts';
import { NLM_F_CREATE, NLM_F_EXCL, RTM_NEWNEIGH } from '../../src/uapi/netlink.ts';
import { objectBytes } from '../support/objects.ts';
import { CgroupTree } from './cgroup-bench.ts';
import { ask, type BenchSocket, type NetBench } from './net-bench.ts';
import { outcome, Session } from './session.ts';
import { SocketBench } from './sockets.ts';

const object = openObject(objectBytes('test/objects/header_options.o'), { file: 'header_options.o' });
/** As in the object. */
const ROOM = 64;
const STEPS = 24;
// biome-ignore format: aligned table
const CALLS = { nothing: 0, load: 1, store: 2, reserve: 3, callbacks: 4, getsockopt: 5, setsockopt: 6, header: 7, reply: 8 } as const;
// biome-ignore format: aligned table
const OPS = {
  timeout_init: 1, rwnd_init: 2, connect: 3, active: 4, passive: 5, needs_ecn: 6, rto: 8, retrans: 9, state: 10, listen: 11, rtt: 12,
  parse: 13, len: 14, write: 15,
} as const;
type Op = keyof typeof OPS;

/** BPF_WRITE_HDR_TCP_CURRENT_MSS: how often that is asked for is each kernel's own. */
const CURRENT_MSS = 1;
/** BPF_SOCK_OPS_*_CB_FLAG. */
export const [RTO, RETRANS, STATE, RTT, PARSE_ALL, PARSE_UNKNOWN, WRITE, ALL] = [1, 2, 4, 8, 16, 32, 64, 127];
const SYN = 1;
const TCP_SYNCNT = 7;
const NUD_PERMANENT = 0x80;
/** Of no device. */
const NOBODY = Uint8Array.of(2, 0, 0, 0, 0, 77);
const [TCP_SAVE_SYN, TCP_SAVED_SYN, TCP_BPF_SYN, TCP_BPF_SYN_IP, TCP_BPF_SYN_MAC] = [27, 28, 1005, 1006, 1007];

/** A helper that the program calls at an op of one end. */
interface Step {
  readonly side: 'client' | 'server';
  readonly op: Op;
  readonly call: Exclude<keyof typeof CALLS, 'nothing'>;
  /** Bytes that the helper is told of. */
  readonly len: number;
  /** Or the option, or where the header is read from. */
  readonly flags: number;
  readonly bytes: readonly number[];
}

/** What the program has noted. */
interface Event {
  readonly op: number;
  readonly server: number;
  readonly call: number;
  readonly option: number;
  readonly args: readonly number[];
  readonly whole: number;
  readonly state: number;
  readonly skb_len: number;
  readonly tcp_flags: number;
  readonly result: bigint;
  readonly bytes: readonly number[];
}

interface Plan {
  readonly steps: readonly Step[];
  /** Ops that are noted also where there is no step for them. */
  readonly watched?: readonly Op[];
  /** Ops at which the program returns 0. */
  readonly refused?: readonly Op[];
}

/** {@link SocketBench}, whose processes are in a cgroup with a program, and 10.0.0.77, which nobody has. Each row has a port of its own. */
export class OptionBench extends SocketBench implements Disposable {
  readonly #enter: (path: string) => void;
  readonly #home: string;
  readonly #loaded: LoadedObject;
  port = 7000;

  constructor(bench: NetBench, enter: (path: string) => void) {
    super(bench);
    this.#enter = enter;
    this.#home = findCgroups(bench.kernel('a'));
    // Once: the verifier has a lot to do.
    this.#loaded = load(bench.kernel('a'), object, {});
    const { ifindex } = findDevice(bench.kernel('a'), 'v0');
    const nobody = { family: 2, ifindex, state: NUD_PERMANENT, address: Uint8Array.of(10, 0, 0, 77), hardware: NOBODY };
    ask(bench, 'a', RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, encodeNeighbour(nobody));
  }

  /** What `act` answers, and what the program has noted of each end meanwhile. */
  run({ steps, watched = [], refused = [] }: Plan, act: (b: OptionBench) => unknown) {
    const kernel = this.bench.kernel('a');
    using session = new Session(kernel);
    using tree = new CgroupTree(session);
    const { globals } = this.#loaded;
    globals.count = 0;
    globals.port = ++this.port;
    globals.watched = bits(watched);
    globals.refused = bits(refused);
    globals.steps = Array.from({ length: STEPS }, (_, i) => encodeStep(steps[i]));
    using _link = attachToCgroup(this.#loaded.program('header_options'), tree.path(''), 'cgroup_sock_ops');
    this.#enter(tree.path(''));
    try {
      const answer = outcome(() => act(this));
      // What is on its way arrives.
      this.bench.capture('a', 'v0')();
      const events = globals.events as unknown as readonly Event[]; // as in the object
      const noted = events
        .slice(0, Number(globals.count))
        .filter(({ op, args, call }) => op !== OPS.len || args[0] !== CURRENT_MSS || call === CALLS.nothing);
      const of = (server: number) =>
        noted
          .filter((event) => event.server === server && event.call !== CALLS.callbacks && event.call !== CALLS.reply)
          .map(show);
      return { answer, client: of(0), server: of(1) };
    } finally {
      this.end();
      this.#enter(this.#home);
    }
  }

  [Symbol.dispose](): void {
    this.#loaded[Symbol.dispose]();
  }

  /** The two ends of a connection. */
  ends(family?: 'inet6'): readonly [client: BenchSocket, server: BenchSocket] {
    const to = this.to(family);
    const listener = this.listen('b', to, undefined, family);
    const client = this.tcp('a', undefined, family);
    client.connect(to);
    return [client, this.accept(listener)];
  }
  to(family?: 'inet6') {
    return { address: family === undefined ? '10.0.0.2' : 'fd00::2', port: this.port };
  }
}

function bits(ops: readonly Op[]): number {
  return ops.reduce((all, op) => all | (1 << OPS[op]), 0);
}

function encodeStep(step: Step | undefined) {
  const { side, op, call, len, flags, bytes } = step ?? NO_STEP;
  return {
    op: OPS[op],
    server: Number(side === 'server'),
    call: CALLS[call],
    len,
    flags: BigInt(flags),
    bytes: Array.from({ length: ROOM }, (_, n) => bytes[n] ?? 0),
  };
}
const NO_STEP = { side: 'client', op: 'connect', call: 'nothing', len: 0, flags: 0, bytes: [] } as const;

const nameOf = (table: Readonly<Record<string, number>>, value: number) =>
  Object.entries(table).find(([, its]) => its === value)?.[0] ?? String(value);

function show({ op, call, option, args, whole, state, skb_len, tcp_flags, result, bytes }: Event): unknown {
  const name = nameOf(OPS, op);
  const code = result < 0n ? nameOf(errno, -Number(result)) : Number(result);
  if (op === OPS.state) return `state ${args[0]}>${args[1]}${call === CALLS.nothing ? '' : ` ${code}`}`;
  if (op === OPS.rto) return `rto ${args.join(' ')}`;
  if (op === OPS.retrans) return `retrans ${args.slice(1).join(' ')}`;
  if (call === CALLS.nothing) return `${name} ${whole === 0 ? 'asked ' : ''}${state} ${skb_len} ${tcp_flags}`;
  const isCode = call !== CALLS.load && call !== CALLS.header;
  // Of headers of Ethernet and IP the first byte is always the same.
  const length = !isCode
    ? Number(result)
    : call === CALLS.getsockopt && ![TCP_BPF_SYN, TCP_SAVE_SYN].includes(option)
      ? 1
      : 0;
  return [name, code, ...(length > 0 ? [Buffer.from(bytes.slice(0, length)).toString('hex')] : [])];
}

type Side = Step['side'];
const step = (side: Side, op: Op, call: Step['call'], len: number, flags = 0, bytes: readonly number[] = []): Step => {
  return { side, op, call, len, flags, bytes };
};
/** Each end asks to be told of something from its first op on. */
export const asking = (client: number, server: number): readonly Step[] => [
  step('client', 'connect', 'callbacks', 0, client),
  step('server', 'listen', 'callbacks', 0, server),
];
export const reserving = (side: Side, len: number, flags = 0): Step => step(side, 'len', 'reserve', len, flags);
const storing = (side: Side, bytes: readonly number[], len = bytes.length, flags = 0): Step =>
  step(side, 'write', 'store', len, flags, bytes);
const loading = (side: Side, op: Op, bytes: readonly number[], len = 16, flags = 0): Step =>
  step(side, op, 'load', len, flags, bytes);
const reading = (side: Side, op: Op, option: number, len = ROOM): Step => step(side, op, 'getsockopt', len, option);
const saving = (value: number): Step => step('server', 'listen', 'setsockopt', 4, TCP_SAVE_SYN, [value]);

const MSS = [2];
const OURS = [0xfd, 4, 0xab, 0xcd];
const text = (words: string): Uint8Array => new TextEncoder().encode(words);
const got = (socket: BenchSocket): string | undefined => {
  const received = socket.receive();
  return received && new TextDecoder().decode(received.data);
};
const talk = (b: OptionBench): unknown => {
  const [client, server] = b.ends();
  client.send(text('hello'));
  return got(server);
};
/** Nobody listens: one segment, and the answer. */
const knock = (b: OptionBench): unknown => b.tcp('a').connect(b.to());
const meet =
  (family?: 'inet6') =>
  (b: OptionBench): unknown =>
    b.ends(family)[0].send(text('hello'));
/** Options of what comes in at the server's device, behind those that the kernel puts there itself. */
const onTheWire =
  (family?: 'inet6') =>
  (b: OptionBench): unknown => {
    const captured = b.bench.capture('b', 'v1');
    meet(family)(b);
    return captured().flatMap((frame) => {
      const packet = parsePacket(family === undefined ? 2 : 10, frame.subarray(14));
      if (packet?.protocol !== 6) return [];
      const isSyn = ((packet.payload[13] ?? 0) & 2) !== 0;
      const header = packet.payload.subarray(20 + (isSyn ? 20 : 12), 4 * ((packet.payload[12] ?? 0) >> 4));
      return [Buffer.from(header).toString('hex')];
    });
  };

/** Bytes of an option, what the helper is told of its length, and flags: one after the other. */
// biome-ignore format: aligned table
const STORED: readonly (readonly [bytes: readonly number[], len?: number, flags?: number])[] = [
  [OURS], [OURS], [OURS, 1], [OURS, 4, 1], [[0xfd, 5, 1, 2]], [[0, 4, 1, 2]], [[1, 4, 1, 2]], [[0xfd, 3, 1]], [[0xfd, 4, 1, 2]], [[0xfd, 6, 0xab, 0xcd, 1, 2]],
  [[8, 4, 1, 2]], [[0x22, 4, 1, 2]], [[0x23, 1]], [[0x24, 0]], [[0x25, 2]], [[0xfe, 4, 1, 2]],
];
/** What is looked for, how much room there is, and flags. */
// biome-ignore format: aligned table
const LOADED: readonly (readonly [bytes: readonly number[], len?: number, flags?: number])[] = [
  [MSS], [MSS, 4], [MSS, 3], [MSS, 1], [MSS, 4, 2], [[0], 4], [[1], 4], [[2, 4]], [[2, 5], 4], [[0xfd]], [OURS, 4], [[0xfd, 6, 0xab, 0xcd]], [[0xfd, 4, 0xab, 0xce]],
  [[0xfe, 3, 0xab]], [[0xfe, 4, 0xab, 0xcd]], [[0x55]], [MSS, 4, SYN], [OURS, 4, SYN],
];
const loads = (side: Side, op: Op): readonly Step[] =>
  LOADED.map(([bytes, len, flags]) => loading(side, op, bytes, len, flags));
const syns = (op: Op): readonly Step[] => [
  loading('server', op, MSS, 4, SYN),
  ...[TCP_BPF_SYN, TCP_BPF_SYN_IP, TCP_BPF_SYN_MAC].map((option) => reading('server', op, option)),
];

type Row = readonly [name: string, plan: Plan, act: (b: OptionBench) => unknown, want: unknown];
const row = (answer: unknown, client: readonly unknown[] = [], server: readonly unknown[] = []) => ({
  answer,
  client,
  server,
});
const FROM_CLIENT = [reserving('client', 4), storing('client', OURS)];
const FROM_SERVER = [reserving('server', 4), storing('server', OURS)];

// biome-ignore format: one scenario a row
export const headerOptionRows: readonly Row[] = [
  ['nothing is asked for', { steps: [], watched: ['parse', 'len', 'write', 'state', 'rtt'] }, talk, row('hello')],
  ['what is told of, and when', { steps: asking(ALL & ~RTT, ALL & ~RTT), watched: ['connect', 'timeout_init', 'rwnd_init', 'needs_ecn', 'active', 'passive', 'state', 'listen', 'write', 'rtt'] }, meet(), row(5, ['rwnd_init 2 0 0', 'timeout_init 2 0 0', 'needs_ecn 2 0 0', 'state 2>1', 'active 1 40 18'], ['rwnd_init asked 12 0 0', 'timeout_init asked 12 0 0', 'needs_ecn asked 12 0 0', 'passive 3 32 16', 'state 3>1'])],
  ['reserve: what fits', { steps: [...asking(WRITE, 0), ...[[4], [1], [2], [4, 1], [15], [0xffff_ffff], [14], [2]].map(([len = 0, flags]) => reserving('client', len, flags))] }, knock, row('ECONNREFUSED', [['len', 0], ['len', 'EINVAL'], ['len', 0], ['len', 'EINVAL'], ['len', 'ENOSPC'], ['len', 'ENOSPC'], ['len', 0], ['len', 'ENOSPC']])],
  ['reserve: at other ops', { steps: [...asking(ALL, 0), ...(['connect', 'len', 'write', 'state'] as const).map((op) => step('client', op, 'reserve', 4))] }, knock, row('ECONNREFUSED', [['connect', 'EPERM'], ['len', 0], ['write', 'EPERM'], 'state 2>7 EPERM'])],
  ['reserve: refused', { steps: [...asking(WRITE, 0), ...FROM_CLIENT], refused: ['len'] }, knock, row('ECONNREFUSED', [['len', 0]])],
  ['store: what fits, and what does not', { steps: [...asking(WRITE, 0), reserving('client', 12), ...STORED.map(([bytes, len, flags]) => storing('client', bytes, len, flags)), step('client', 'write', 'header', ROOM, 40)] }, knock, row('ECONNREFUSED', [['len', 0], ['write', 0], ['write', 'EEXIST'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 0], ['write', 'ENOSPC'], ['write', 'EEXIST'], ['write', 0], ['write', 'ENOSPC'], ['write', 0], ['write', 'ENOSPC'], ['write', 'ENOSPC'], ['write', 12, 'fd04abcdfd04010222040102']])],
  ['store: one byte of an option is no list', { steps: [...asking(WRITE, 0), reserving('client', 8), storing('client', [0x23, 1]), storing('client', OURS), loading('client', 'write', MSS), loading('client', 'write', OURS), step('client', 'write', 'header', ROOM, 40)] }, knock, row('ECONNREFUSED', [['len', 0], ['write', 0], ['write', 'EFAULT'], ['write', 4, '020405b4'], ['write', 'EFAULT'], ['write', 1, '23']])],
  ['store: at other ops', { steps: [...asking(ALL, 0), reserving('client', 4), ...(['connect', 'len', 'write', 'state'] as const).map((op) => step('client', op, 'store', 4, 0, OURS))] }, knock, row('ECONNREFUSED', [['connect', 'EPERM'], ['len', 0], ['len', 'EPERM'], ['write', 0], 'state 2>7 EPERM'])],
  ['store: refused', { steps: [...asking(WRITE, WRITE), ...FROM_CLIENT, loading('server', 'passive', OURS), step('server', 'passive', 'header', ROOM, 32)], refused: ['write'] }, meet(), row(5, [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]], [['passive', 'ENOMSG'], ['passive', 4, '01010101']])],
  ['load: of the answer to a SYN', { steps: [...asking(0, WRITE), ...FROM_SERVER, ...loads('client', 'active')] }, meet(), row(5, [['active', 4, '020405b4'], ['active', 4, '020405b4'], ['active', 'ENOSPC'], ['active', 'EINVAL'], ['active', 'EINVAL'], ['active', 'EINVAL'], ['active', 'EINVAL'], ['active', 'EINVAL'], ['active', 'EINVAL'], ['active', 'EINVAL'], ['active', 4, 'fd04abcd'], ['active', 'ENOMSG'], ['active', 'ENOMSG'], ['active', 'EINVAL'], ['active', 'ENOMSG'], ['active', 'ENOMSG'], ['active', 'ENOENT'], ['active', 'ENOENT']], [['len', 0], ['write', 0], ['len', 0], ['write', 0]])],
  ['load: of what establishes', { steps: [...asking(WRITE, 0), ...FROM_CLIENT, ...loads('server', 'passive')] }, meet(), row(5, [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]], [['passive', 'ENOMSG'], ['passive', 'ENOMSG'], ['passive', 'ENOMSG'], ['passive', 'EINVAL'], ['passive', 'EINVAL'], ['passive', 'EINVAL'], ['passive', 'EINVAL'], ['passive', 'EINVAL'], ['passive', 'EINVAL'], ['passive', 'EINVAL'], ['passive', 4, 'fd04abcd'], ['passive', 'ENOMSG'], ['passive', 'ENOMSG'], ['passive', 'EINVAL'], ['passive', 'ENOMSG'], ['passive', 'ENOMSG'], ['passive', 'ENOENT'], ['passive', 'ENOENT']])],
  ['load: of one that is written', { steps: [...asking(WRITE, 0), ...FROM_CLIENT, ...loads('client', 'write')] }, knock, row('ECONNREFUSED', [['len', 0], ['write', 0], ['write', 4, '020405b4'], ['write', 4, '020405b4'], ['write', 'ENOSPC'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 'EINVAL'], ['write', 4, 'fd04abcd'], ['write', 'ENOMSG'], ['write', 'ENOMSG'], ['write', 'EINVAL'], ['write', 'ENOMSG'], ['write', 'ENOMSG'], ['write', 'ENOENT'], ['write', 'ENOENT']])],
  ['load: where no segment is', { steps: [...asking(ALL, 0), ...(['connect', 'rwnd_init', 'timeout_init', 'needs_ecn', 'len', 'state'] as const).map((op) => loading('client', op, MSS))] }, knock, row('ECONNREFUSED', [['connect', 'EPERM'], ['rwnd_init', 'EPERM'], ['timeout_init', 'EPERM'], ['needs_ecn', 'EPERM'], ['len', 'EPERM'], 'state 2>7 EPERM'])],
  ['load: of a SYN that is answered', { steps: [...asking(WRITE, WRITE), ...FROM_CLIENT, reserving('server', 4), ...loads('server', 'len'), ...syns('write')] }, meet(), row(5, [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]], [['len', 0], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'EINVAL'], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 4, '020405b4'], ['len', 4, 'fd04abcd'], ['write', 4, '020405b4'], ['len', 0], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EINVAL'], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'EINVAL'], ['len', 'EPERM'], ['len', 'EPERM'], ['len', 'ENOENT'], ['len', 'ENOENT'], ['write', 'ENOENT']])],
  ['SYN: not kept', { steps: [...asking(0, STATE), ...(['listen', 'rwnd_init', 'timeout_init', 'needs_ecn', 'passive', 'state'] as const).flatMap(syns)] }, meet(), row(5, [], [['listen', 'ENOENT'], ['listen', 'ENOENT'], ['listen', 'ENOENT', '00'], ['listen', 'ENOENT', '00'], ['rwnd_init', 'ENOENT'], ['rwnd_init', 'ENOENT'], ['rwnd_init', 'ENOENT', '00'], ['rwnd_init', 'ENOENT', '00'], ['timeout_init', 'ENOENT'], ['timeout_init', 'ENOENT'], ['timeout_init', 'ENOENT', '00'], ['timeout_init', 'ENOENT', '00'], ['needs_ecn', 'ENOENT'], ['needs_ecn', 'ENOENT'], ['needs_ecn', 'ENOENT', '00'], ['needs_ecn', 'ENOENT', '00'], ['passive', 'ENOENT'], ['passive', 'ENOENT'], ['passive', 'ENOENT', '00'], ['passive', 'ENOENT', '00'], 'state 3>1 ENOENT', 'state 3>1 ENOENT'])],
  ['SYN: kept', { steps: [...asking(0, STATE), saving(1), ...(['listen', 'rwnd_init', 'timeout_init', 'needs_ecn', 'state'] as const).flatMap(syns), ...[1, 60, 61].map((len) => reading('server', 'passive', TCP_SAVED_SYN, len))] }, meet(), row(5, [], [['listen', 0], ['listen', 'ENOENT'], ['listen', 'ENOENT'], ['listen', 'ENOENT', '00'], ['listen', 'ENOENT', '00'], ['rwnd_init', 'ENOENT'], ['rwnd_init', 'ENOENT'], ['rwnd_init', 'ENOENT', '00'], ['rwnd_init', 'ENOENT', '00'], ['timeout_init', 4, '020405b4'], ['timeout_init', 40], ['timeout_init', 60, '45'], ['timeout_init', 'ENOENT', '00'], ['needs_ecn', 4, '020405b4'], ['needs_ecn', 40], ['needs_ecn', 60, '45'], ['needs_ecn', 'ENOENT', '00'], ['passive', 0, '45'], 'state 3>1 4', 'state 3>1 40', 'state 3>1 60', 'state 3>1 ENOENT'])],
  ['SYN: kept, with the link header', { steps: [...asking(0, 0), saving(2), ...syns('passive'), ...[1, 64].map((len) => reading('server', 'passive', TCP_SAVED_SYN, len)), reading('server', 'passive', TCP_SAVE_SYN, 4)] }, meet(), row(5, [], [['listen', 0], ['passive', 4, '020405b4'], ['passive', 40], ['passive', 60, '45'], ['passive', 'ENOSPC', '02'], ['passive', 0, '02'], ['passive', 0, '02'], ['passive', 0]])],
  ['SYN: kept, of IPv6', { steps: [...asking(0, 0), saving(1), ...syns('passive'), ...[1, 64].map((len) => reading('server', 'passive', TCP_SAVED_SYN, len))] }, meet('inet6'), row(5, [], [['listen', 0], ['passive', 4, '020405a0'], ['passive', 40], ['passive', 'ENOSPC', '60'], ['passive', 'ENOENT', '00'], ['passive', 0, '60'], ['passive', 0, '60']])],
  ['SYN: the client has none', { steps: [...asking(0, 0), step('client', 'connect', 'setsockopt', 4, TCP_SAVE_SYN, [1]), loading('client', 'active', MSS, 4, SYN), reading('client', 'active', TCP_BPF_SYN), reading('client', 'active', TCP_SAVED_SYN, 4)] }, meet(), row(5, [['connect', 0], ['active', 'ENOENT'], ['active', 'ENOENT'], ['active', 'EINVAL', '00']])],
  ['SYN: it cannot be set', { steps: [step('server', 'listen', 'setsockopt', 4, TCP_SAVED_SYN, [1]), step('server', 'listen', 'setsockopt', 4, TCP_BPF_SYN, [1]), step('server', 'listen', 'setsockopt', 4, TCP_SAVE_SYN, [3])] }, meet(), row(5, [], [['listen', 'ENOPROTOOPT'], ['listen', 'EINVAL'], ['listen', 'EINVAL']])],
  ['asked for: no socket to set anything of', { steps: [...asking(0, WRITE), step('server', 'timeout_init', 'setsockopt', 4, TCP_SAVE_SYN, [1]), step('server', 'timeout_init', 'getsockopt', 4, TCP_SAVE_SYN), step('server', 'len', 'header', ROOM, 0)], watched: ['timeout_init'] }, meet(), row(5, ['timeout_init 2 0 0'], [['timeout_init', 'EINVAL'], ['timeout_init', 'EINVAL'], ['len', 0], ['len', 0]])],
  ['parse: all of a connection', { steps: [...asking(WRITE, PARSE_ALL), ...FROM_CLIENT, loading('server', 'parse', OURS)] }, talk, row('hello', [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]], [['parse', 4, 'fd04abcd']])],
  ['parse: what is as it always was is not shown', { steps: asking(0, PARSE_ALL), watched: ['parse'] }, talk, row('hello')],
  ['parse: the first answer is shown', { steps: asking(PARSE_ALL, 0), watched: ['parse'] }, (b) => { const [c, s] = b.ends(); for (const word of ['one', 'two']) { c.send(text(word)); got(s); } }, row('ok', ['parse 1 32 16'])],
  ['parse: what is unknown', { steps: [...asking(WRITE, PARSE_UNKNOWN), ...FROM_CLIENT], watched: ['parse'] }, talk, row('hello', [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]], ['parse 1 41 24'])],
  ['parse: nothing is unknown', { steps: asking(PARSE_UNKNOWN, PARSE_UNKNOWN), watched: ['parse'] }, talk, row('hello')],
  ['parse: a kind that the kernel knows', { steps: [...asking(WRITE, PARSE_UNKNOWN), reserving('client', 4), storing('client', [0x22, 4, 1, 2])], watched: ['parse'] }, talk, row('hello', [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]])],
  ['on the wire', { steps: [...asking(WRITE, 0), reserving('client', 6), storing('client', OURS)] }, onTheWire(), row(['fd04abcd01010101', 'fd04abcd01010101', 'fd04abcd01010101'], [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]])],
  ['on the wire, of IPv6', { steps: [...asking(WRITE, 0), reserving('client', 4), storing('client', OURS)] }, onTheWire('inet6'), row(['fd04abcd', 'fd04abcd', 'fd04abcd'], [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]])],
  ['on the wire: nothing is stored', { steps: [...asking(WRITE, 0), reserving('client', 5)] }, onTheWire(), row(['0101010101010101', '0101010101010101', '0101010101010101'], [['len', 0], ['len', 0], ['len', 0]])],
  ['on the wire: all that there is room for', { steps: [...asking(WRITE, 0), reserving('client', 20), storing('client', [0xfd, 20, ...Array.from({ length: 18 }, (_, i) => i)])] }, onTheWire(), row(['fd14000102030405060708090a0b0c0d0e0f1011', 'fd14000102030405060708090a0b0c0d0e0f1011', 'fd14000102030405060708090a0b0c0d0e0f1011'], [['len', 0], ['write', 0], ['len', 0], ['write', 0], ['len', 0], ['write', 0]])],
  ['states: the client closes first', { steps: asking(STATE, STATE), watched: ['state'] }, (b) => { const [c, s] = b.ends(); c.close(); got(s); s.close(); }, row('ok', ['state 2>1', 'state 1>4', 'state 4>5', 'state 5>7'], ['state 3>1', 'state 1>8', 'state 8>9', 'state 9>7'])],
  ['states: the server closes first', { steps: asking(STATE, STATE), watched: ['state'] }, (b) => { const [c, s] = b.ends(); s.close(); got(c); c.close(); }, row('ok', ['state 2>1', 'state 1>8', 'state 8>9', 'state 9>7'], ['state 3>1', 'state 1>4', 'state 4>5', 'state 5>7'])],
  ['states: a listener closes', { steps: asking(STATE, STATE), watched: ['state'] }, (b) => { b.listen('b', b.to()).close(); }, row('ok', [], ['state 10>7'])],
  ['states: a listener closes, and one that nobody accepted', { steps: asking(STATE, STATE), watched: ['state'] }, (b) => { const l = b.listen('b', b.to()); b.tcp('a').connect(b.to()); l.close(); }, row('ok', ['state 2>1', 'state 1>7'], ['state 3>1', 'state 10>7', 'state 1>7'])],
  ['states: nobody listens', { steps: asking(STATE, STATE), watched: ['state'] }, knock, row('ECONNREFUSED', ['state 2>7'])],
  ['states: closed before all was read', { steps: asking(STATE, STATE), watched: ['state'] }, (b) => { const [c, s] = b.ends(); c.send(text('lost')); return b.watch(() => s.close()).map((line) => line.replace(/\d+>/, '')); }, row(['< tcp * RST ACK times ""'], ['state 2>1', 'state 1>7'], ['state 3>1', 'state 1>7'])],
  ['states: more for one that is closed', { steps: asking(STATE, STATE), watched: ['state'] }, (b) => { const [c, s] = b.ends(); s.close(); got(c); return b.watch(() => c.send(text('more'))).map((line) => line.replace(/\d+>/, '>')).slice(-1); }, row(['< tcp >* RST  ""'], ['state 2>1', 'state 1>8', 'state 8>7'], ['state 3>1', 'state 1>4', 'state 4>5', 'state 5>7'])],
  ['times: of the handshake, and of each answer', { steps: asking(RTT | STATE, RTT | STATE), watched: ['rtt', 'state', 'active', 'passive'] }, (b) => { const [c, s] = b.ends(); for (const word of ['one', 'two']) { c.send(text(word)); got(s); } s.send(text('three')); return got(c); }, row('three', ['rtt 2 0 0', 'state 2>1', 'active 1 40 18', 'rtt 1 0 0', 'rtt 1 0 0'], ['rtt 3 0 0', 'passive 3 32 16', 'state 3>1', 'rtt 1 0 0'])],
  ['nobody answers', { steps: [...asking(RTO | RETRANS | STATE, 0), step('client', 'timeout_init', 'reply', 0, 25), step('client', 'connect', 'setsockopt', 4, TCP_SYNCNT, [1])], watched: ['rto', 'retrans', 'state'] }, (b) => b.tcp('a').connect({ ...b.to(), address: '10.0.0.77' }), row('ETIMEDOUT', [['connect', 0], 'rto 0 25 0', 'retrans 1 0', 'rto 1 25 0', 'retrans 1 0', 'rto 2 25 1', 'state 2>7'])],
  ['nobody answers: not asked to be told', { steps: [...asking(STATE, 0), step('client', 'timeout_init', 'reply', 0, 25), step('client', 'connect', 'setsockopt', 4, TCP_SYNCNT, [1])], watched: ['rto', 'retrans', 'state'] }, (b) => b.tcp('a').connect({ ...b.to(), address: '10.0.0.77' }), row('ETIMEDOUT', [['connect', 0], 'state 2>7'])],
];

export function expectHeaderRow(bench: OptionBench, [, plan, act, want]: Row): void {
  expect(bench.run(plan, act)).toEqual(want);
}
