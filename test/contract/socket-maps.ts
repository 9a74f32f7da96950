import type { Insn } from '../../src/isa/index.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { attachTypeNumber, type ProgType } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfLinkInfo } from '../../src/uapi/info.ts';
import { I } from '../support/bytecode.ts';
import type { Address, BenchSocket } from './net-bench.ts';
import { outcome, u32 } from './session.ts';
import type { ProgramBench } from './socket-programs.ts';

type Place = 'sk_skb_stream_parser' | 'sk_skb_stream_verdict' | 'sk_skb_verdict' | 'sk_msg_verdict';
type Insns = readonly (Partial<Insn> | readonly Partial<Insn>[])[];
type Ends = readonly [client: BenchSocket, server: BenchSocket];

const [SK_REDIRECT_MAP, SK_REDIRECT_HASH, MSG_REDIRECT_MAP, MSG_REDIRECT_HASH] = [52, 72, 60, 71];
const [APPLY, CORK, PULL, PUSH, POP] = [61, 62, 63, 90, 91];
const PULL_SKB = 39;
const INGRESS = 1;
const at = (address: string, port: number): Address => ({ address, port });
const ret = (n: number): Insns => [I.mov(0, n), I.exit];

/** Maps of sockets in `b`, with the programs of the map, and connections from `a` to `b`. */
class MapBench {
  readonly #b: ProgramBench;

  constructor(b: ProgramBench) {
    this.#b = b;
  }

  get kernel() {
    return this.#b.bench.kernel('b');
  }
  map(type: 'sockmap' | 'sockhash' | 'array' = 'sockmap'): Fd {
    return this.#b.map(type, 8);
  }
  prog(place: Place, insns: Insns = ret(1)): Fd {
    const type: ProgType = place === 'sk_msg_verdict' ? 'sk_msg' : 'sk_skb';
    return this.#b.prog(type, insns, attachTypeNumber[place]);
  }
  attach(map: Fd, place: Place, attach_bpf_fd = this.prog(place), more: BpfAttr<'BPF_PROG_ATTACH'> = {}): Fd {
    this.kernel.bpf('BPF_PROG_ATTACH', {
      target_fd: map,
      attach_bpf_fd,
      attach_type: attachTypeNumber[place],
      ...more,
    });
    return attach_bpf_fd;
  }
  detach(target_fd: Fd, place: Place, attach_bpf_fd: Fd): void {
    this.kernel.bpf('BPF_PROG_DETACH', { target_fd, attach_bpf_fd, attach_type: attachTypeNumber[place] });
  }
  link(target_fd: Fd, place: Place, prog_fd = this.prog(place), more: BpfAttr<'BPF_LINK_CREATE'> = {}): Fd {
    return this.#b.own(
      this.kernel.bpf('BPF_LINK_CREATE', { target_fd, prog_fd, attach_type: attachTypeNumber[place], ...more }),
      'b',
    );
  }
  query(target_fd: Fd, place: Place, more: BpfAttr<'BPF_PROG_QUERY'> = {}): unknown {
    const attr = { target_fd, attach_type: attachTypeNumber[place], count: 4, prog_ids: new Uint32Array(4), ...more };
    return outcome(() => {
      this.kernel.bpf('BPF_PROG_QUERY', attr);
      return [attr.count, [...(attr.prog_ids ?? [])].filter((id) => id !== 0).length];
    });
  }
  put(map: Fd, key: number, socket: BenchSocket, flags = 0n): void {
    this.#b.put(map, key, socket, flags);
  }
  drop(map_fd: Fd, key: number): void {
    this.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key: u32(key) });
  }
  udp(port: number): BenchSocket {
    return this.#b.udp('b', at('10.0.0.2', port));
  }
  sender(): BenchSocket {
    return this.#b.udp('a');
  }
  udpPair(port: number): Ends {
    const [client, server] = [this.sender(), this.udp(port)];
    client.connect(at('10.0.0.2', port));
    server.connect(at('10.0.0.1', client.name.port));
    return [client, server];
  }
  listen(port: number): BenchSocket {
    return this.#b.listen('b', at('10.0.0.2', port));
  }
  pair(port = 80): Ends {
    const listener = this.listen(port);
    const client = this.#b.tcp('a');
    client.connect(at('10.0.0.2', port));
    return [client, this.#b.accept(listener)];
  }
  info(link: Fd): unknown {
    const info = bpfLinkInfo.encode({});
    this.kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: link, info_len: info.length, info });
    const { type, 'sockmap.map_id': map, 'sockmap.attach_type': place } = bpfLinkInfo.decode(info);
    return [type, map !== 0, place];
  }
  /** Two connections, whose ends in `b` are in a map: the first as 0, the second as 1. */
  two(map: Fd): readonly [Ends, Ends] {
    const pairs = [this.pair(80), this.pair(81)] as const;
    for (const [key, [, server]] of pairs.entries()) this.put(map, key, server);
    return pairs;
  }
}

/** What comes within a moment, until it is what is wanted; `undefined`: until nothing more comes. */
function hear(socket: BenchSocket, want?: string): string {
  let heard = '';
  const end = Date.now() + (want === undefined ? 50 : 2000);
  while (heard !== want && Date.now() < end) {
    const received = outcome(() => socket.receive());
    if (typeof received === 'string') {
      if (received !== 'ok') return received;
      continue;
    }
    const { data } = received as { readonly data: Uint8Array };
    if (data.length === 0) return `${heard}|end`;
    heard += new TextDecoder().decode(data);
  }
  return heard;
}
const say = (socket: BenchSocket, words: string, to?: Address): unknown =>
  outcome(() => socket.send(new TextEncoder().encode(words), to));

/** Calls a helper that sends what there is to the socket of a key. */
const redirect = (helper: number, map: Fd, key: number, flags = 0): Insns => [
  ...(helper === MSG_REDIRECT_HASH || helper === SK_REDIRECT_HASH
    ? [I.storeImm(4, 10, -4, key), I.mapFd(2, map), I.movReg(3, 10), I.add(3, -4)]
    : [I.mapFd(2, map), I.mov(3, key)]),
  I.mov(4, flags),
  I.call(helper),
  I.exit,
];
/** Calls a helper of a message with numbers, then goes on. */
const calls = (helper: number, ...args: readonly number[]): Insns => [
  I.movReg(6, 1),
  ...args.map((arg, i) => I.mov(i + 2, arg)),
  I.call(helper),
  I.movReg(1, 6),
];
/** Ends with PASS if the message's first byte is this, else with DROP; without a byte that can be seen, with PASS too. */
const startsWith = (letter: string, pointers: readonly [number, number, 4 | 8] = [0, 8, 8]): Insns => [
  I.load(pointers[2], 2, 1, pointers[0]),
  I.load(pointers[2], 3, 1, pointers[1]),
  I.movReg(4, 2),
  I.add(4, 1),
  { opcode: 0xbd, dst: 4, src: 3, off: 2 },
  I.mov(0, 1),
  I.exit,
  I.load(1, 5, 2, 0),
  I.jeq(5, letter.charCodeAt(0), 2),
  I.mov(0, 0),
  I.exit,
  I.mov(0, 1),
  I.exit,
];

/** Says it from a client to a server whose program of the map decides, and what comes. */
function judged(
  m: MapBench,
  place: 'sk_skb_stream_verdict' | 'sk_skb_verdict',
  insns: Insns,
  want: string | undefined,
  words = 'hello',
): string {
  const map = m.map();
  m.attach(map, place, m.prog(place, insns));
  const [client, server] = m.pair();
  m.put(map, 0, server);
  say(client, words);
  return hear(server, want);
}
/** Says it from a server whose program of the map decides, and what comes to the client. */
function sent(m: MapBench, insns: Insns, want: string | undefined, ...words: readonly string[]): unknown[] {
  const map = m.map();
  m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', insns));
  const [client, server] = m.pair();
  m.put(map, 0, server);
  return [...words.map((word) => say(server, word)), hear(client, want)];
}

type Row = readonly [name: string, run: (m: MapBench) => unknown, want: unknown];
const PLACES: readonly Place[] = ['sk_skb_stream_parser', 'sk_skb_stream_verdict', 'sk_skb_verdict', 'sk_msg_verdict'];
const tried = (...calls: readonly (() => unknown)[]): unknown[] => calls.map((call) => outcome(() => void call()));

// biome-ignore format: one scenario a row
const ROWS: readonly Row[] = [
  ...PLACES.flatMap((place): Row[] => [
    [`${place}: attached, another, taken away`, (m) => { const map = m.map(); const [one, two] = [m.prog(place), m.prog(place)]; return [m.query(map, place), ...tried(() => m.attach(map, place, one), () => m.attach(map, place, one), () => m.attach(map, place, two), () => m.detach(map, place, one)), m.query(map, place), ...tried(() => m.detach(map, place, two), () => m.detach(map, place, two)), m.query(map, place)]; }, [[0, 0], 'ok', 'ok', 'ok', 'ENOENT', [1, 1], 'ok', 'ENOENT', [0, 0]]],
    [`${place}: to what takes none`,   (m) => [...tried(() => m.attach(m.map('array'), place), () => m.link(m.map('array'), place), () => m.attach(99 as Fd, place), () => m.link(99 as Fd, place)), m.query(m.map('array'), place), m.query(99 as Fd, place)], ['EOPNOTSUPP', 'EINVAL', 'EBADF', 'EBADF', 'EOPNOTSUPP', 'EBADF']],
    [`${place}: flags`,                (m) => { const map = m.map(); return [...tried(() => m.attach(map, place, m.prog(place), { attach_flags: 1 }), () => m.attach(map, place, m.prog(place), { replace_bpf_fd: 1 }), () => m.link(map, place, m.prog(place), { flags: 1 })), m.query(map, place, { query_flags: 1 }), m.query(map, place, { count: 0 })]; }, ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', [0, 0]]],
    [`${place}: of another type`,      (m) => { const map = m.map(); const other = m.prog(place === 'sk_msg_verdict' ? 'sk_skb_verdict' : 'sk_msg_verdict'); return tried(() => m.attach(map, place, other), () => m.link(map, place, other), () => m.detach(map, place, other), () => m.detach(map, place, 99 as Fd)); }, ['EINVAL', 'EINVAL', 'EINVAL', 'EBADF']],
    [`${place}: a link`,               (m) => { const map = m.map(); const link = m.link(map, place); const [same, other] = [m.prog(place), m.prog(place === 'sk_msg_verdict' ? 'sk_skb_verdict' : 'sk_msg_verdict')]; const update = (new_prog_fd: Fd, more = {}) => m.kernel.bpf('BPF_LINK_UPDATE', { link_fd: link, new_prog_fd, ...more }); return [m.info(link), m.query(map, place), ...tried(() => m.link(map, place), () => m.attach(map, place), () => m.detach(map, place, same), () => update(same), () => update(other), () => update(m.prog(place), { flags: 4, old_prog_fd: other }), () => update(m.prog(place), { flags: 4, old_prog_fd: same }), () => m.kernel.bpf('BPF_LINK_DETACH', { link_fd: link }), () => update(same), () => m.link(map, place)), m.info(link)]; }, [[14, true, attachTypeNumber[place]], [1, 1], 'EBUSY', 'EBUSY', 'EBUSY', 'ok', 'EINVAL', 'EPERM', 'ok', 'ok', 'ENOLINK', 'ok', [14, false, attachTypeNumber[place]]]],
    [`${place}: a link over a program`, (m) => { const map = m.map(); const prog = m.attach(map, place); return [...tried(() => m.link(map, place), () => m.detach(map, place, prog)), m.query(map, place)]; }, ['ok', 'EBUSY', [1, 1]]],
    [`${place}: a link is closed`,     (m) => { const map = m.map(); const link = m.link(map, place); m.kernel.close(link); return m.query(map, place); }, [0, 0]],
    [`${place}: made for another place`, (m) => { const map = m.map(); const other = place === 'sk_msg_verdict' ? 'sk_msg_verdict' : place === 'sk_skb_verdict' ? 'sk_skb_stream_verdict' : 'sk_skb_verdict'; return tried(() => m.attach(map, place, m.prog(other)), () => m.link(m.map(), place, m.prog(other))); }, ['ok', 'ok']],
  ]),
  ['both verdicts',                  (m) => { const map = m.map(); return tried(() => m.attach(map, 'sk_skb_stream_verdict'), () => m.attach(map, 'sk_skb_verdict'), () => m.link(map, 'sk_skb_verdict')); }, ['ok', 'EBUSY', 'EBUSY']],
  ['both verdicts, the other way',   (m) => { const map = m.map(); return [...tried(() => m.attach(map, 'sk_skb_verdict'), () => m.attach(map, 'sk_skb_stream_verdict')), m.query(map, 'sk_skb_stream_verdict')]; }, ['ok', 'EBUSY', 'EBUSY']],
  ['a socket in two maps with verdicts', (m) => { const maps = [m.map(), m.map(), m.map(), m.map('sockhash')] as const; m.attach(maps[0], 'sk_skb_verdict'); m.attach(maps[1], 'sk_skb_stream_verdict'); m.attach(maps[2], 'sk_msg_verdict'); const [, server] = m.pair(); return [...tried(...maps.map((map) => () => m.put(map, 0, server)), () => m.put(maps[0], 0, server), () => m.put(maps[0], 1, server), () => m.put(maps[2], 1, server), () => m.put(maps[3], 1, server))]; }, ['ok', 'EBUSY', 'ok', 'ok', 'EBUSY', 'EBUSY', 'EBUSY', 'ok']],
  ['a parser alone, a socket of UDP with one', (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser'); const first = tried(() => m.put(map, 0, m.udp(53)), () => m.put(map, 1, m.pair()[1])); m.attach(map, 'sk_skb_stream_verdict'); return [...first, ...tried(() => m.put(map, 2, m.udp(54)), () => m.put(map, 3, m.pair(81)[1]), () => m.put(map, 0, m.listen(82)))]; }, ['ok', 'ok', 'EOPNOTSUPP', 'ok', 'ok']],

  ['verdict: pass',                  (m) => judged(m, 'sk_skb_verdict', ret(1), 'hello'), 'hello'],
  ['verdict: drop',                  (m) => judged(m, 'sk_skb_verdict', ret(0), undefined), ''],
  ['verdict: another number',        (m) => judged(m, 'sk_skb_verdict', ret(2), undefined), ''],
  ['stream verdict: pass',           (m) => judged(m, 'sk_skb_stream_verdict', ret(1), 'hello'), 'hello'],
  ['stream verdict: drop',           (m) => judged(m, 'sk_skb_stream_verdict', ret(0), undefined), ''],
  ['verdict: by what it says',       (m) => [judged(m, 'sk_skb_verdict', startsWith('h', [76, 80, 4]), 'hello')], ['hello']],
  ['verdict: by what it says, no',   (m) => [judged(m, 'sk_skb_verdict', startsWith('x', [76, 80, 4]), undefined)], ['hello']],
  ['verdict: who it is',             (m) => judged(m, 'sk_skb_verdict', [I.load(4, 2, 1, 136), I.jeq(2, 80, 2), I.mov(0, 0), I.exit, I.load(4, 2, 1, 88), I.jeq(2, 2, 2), I.mov(0, 0), I.exit, I.load(4, 2, 1, 92), I.jeq(2, 0x0100000a, 2), I.mov(0, 0), I.exit, I.load(4, 2, 1, 0), I.jeq(2, 5, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello'), 'hello'],
  ['verdict: what came before stays', (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', ret(0))); const [client, server] = m.pair(); say(client, 'early'); hear(server); say(client, 'one'); m.put(map, 0, server); say(client, 'two'); const first = hear(server); m.drop(map, 0); say(client, 'three'); return [first, hear(server, 'three')]; }, ['', 'three']],
  ['verdict: attached too late',     (m) => { const map = m.map(); const [client, server] = m.pair(); m.put(map, 0, server); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', ret(0))); say(client, 'hello'); return hear(server, 'hello'); }, 'hello'],
  ['verdict: detached',              (m) => { const map = m.map(); const prog = m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', ret(0))); const [client, server] = m.pair(); m.put(map, 0, server); m.detach(map, 'sk_skb_verdict', prog); say(client, 'hello'); return hear(server); }, ''],
  ['verdict: the end',               (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict'); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'bye'); client.close(); return hear(server, 'bye|end'); }, 'bye|end'],
  ['verdict: of UDP',                (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', [I.load(4, 2, 1, 0), I.jeq(2, 2, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit])); const [client, server] = m.udpPair(53); m.put(map, 0, server); say(client, 'no!'); say(client, 'hi'); return hear(server, 'hi'); }, 'hi'],
  ['redirect: of UDP',               (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 1))); const [one, server] = m.udpPair(53); const [two, other] = m.udpPair(54); m.put(map, 0, server); m.put(map, 1, other); say(one, 'hi'); return hear(two, 'hi'); }, 'hi'],
  ['redirect: of UDP, into another', (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 1, INGRESS))); const [one, server] = m.udpPair(53); const [, other] = m.udpPair(54); m.put(map, 0, server); m.put(map, 1, other); say(one, 'hi'); return hear(other, 'hi'); }, 'hi'],
  ['redirect: from UDP to TCP',      (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 1))); const [one, server] = m.udpPair(53); const [two, other] = m.pair(); m.put(map, 0, server); m.put(map, 1, other); say(one, 'hi'); return hear(two, 'hi'); }, 'hi'],
  ['redirect: to UDP that is not connected', (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 1, INGRESS))); const [one, server] = m.pair(); m.put(map, 0, server); m.put(map, 1, m.udp(54)); say(one, 'hi'); return hear(server); }, ''],
  ['verdict: of UDP, what it says',  (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', startsWith('h', [76, 80, 4]))); const [client, server] = m.udpPair(53); m.put(map, 0, server); say(client, 'no'); say(client, 'hi'); return hear(server, 'hi'); }, 'hi'],
  ['verdict: what it says, pulled',  (m) => [judged(m, 'sk_skb_verdict', [...calls(PULL_SKB, 5), ...startsWith('x', [76, 80, 4])], undefined)], ['']],
  ['verdict: what it says, pulled in part',  (m) => [judged(m, 'sk_skb_verdict', [...calls(PULL_SKB, 1), I.load(4, 2, 1, 76), I.load(4, 3, 1, 80), I.movReg(4, 2), I.add(4, 1), { opcode: 0x1f, dst: 3, src: 2 }, I.mov(0, 0), I.jeq(3, 1, 1), I.exit, I.mov(0, 1), I.exit], 'hello')], ['hello']],
  ['verdict: what it says, pulled by nothing',  (m) => [judged(m, 'sk_skb_verdict', [...calls(PULL_SKB, 0), ...startsWith('x', [76, 80, 4])], undefined)], ['hello']],
  ['verdict: pulled too far',        (m) => [judged(m, 'sk_skb_verdict', [...calls(PULL_SKB, 6), I.jeq(0, -12, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello')], ['hello']],
  ['verdict: written',               (m) => [judged(m, 'sk_skb_verdict', [I.storeImm(1, 10, -1, 0x58), I.movReg(3, 10), I.add(3, -1), I.mov(2, 1), I.mov(4, 1), I.mov(5, 0), I.call(9), I.mov(0, 1), I.exit], 'hXllo')], ['hXllo']],
  ['verdict: cut',                   (m) => [judged(m, 'sk_skb_verdict', [...calls(38, 3, 0), I.mov(0, 1), I.exit], 'hel')], ['hel']],
  ['verdict: read',                  (m) => [judged(m, 'sk_skb_verdict', [I.movReg(3, 10), I.add(3, -1), I.mov(2, 1), I.mov(4, 1), I.call(26), I.load(1, 2, 10, -1), I.jeq(2, 0x65, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello')], ['hello']],
  ['parser: the verdict of each',    (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser', m.prog('sk_skb_stream_parser', ret(3))); m.attach(map, 'sk_skb_stream_verdict', m.prog('sk_skb_stream_verdict', [I.load(4, 2, 1, 0), I.jeq(2, 3, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit])); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'aaabbb'); const first = hear(server); say(client, 'ccc'); return [first, hear(server, 'ccc')]; }, ['', 'ccc']],
  ['parser: the verdict of each, pulled', (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser', m.prog('sk_skb_stream_parser', ret(3))); m.attach(map, 'sk_skb_stream_verdict', m.prog('sk_skb_stream_verdict', [...calls(PULL_SKB, 3), ...startsWith('b', [76, 80, 4])])); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'aaabbb'); return hear(server); }, ''],
  ['parser: sees all',               (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser', m.prog('sk_skb_stream_parser', [I.load(4, 2, 1, 0), I.jeq(2, 6, 2), I.mov(0, 3), I.exit, I.mov(0, 2), I.exit])); m.attach(map, 'sk_skb_stream_verdict', m.prog('sk_skb_stream_verdict', ret(1))); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'aabbcc'); return hear(server); }, 'aabbcc'],
  ['parser: an error',               (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser', m.prog('sk_skb_stream_parser', ret(-22))); m.attach(map, 'sk_skb_stream_verdict', m.prog('sk_skb_stream_verdict', ret(1))); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'aabbcc'); return [hear(server), hear(server)]; }, ['', '']],
  ['a parser, without a verdict',    (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser', m.prog('sk_skb_stream_parser', ret(3))); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'hello'); return hear(server, 'hello'); }, 'hello'],
  ['msg: what is seen after a push', (m) => sent(m, [...calls(PUSH, 2, 2, 0), I.load(8, 2, 1, 0), I.load(8, 3, 1, 8), { opcode: 0x1f, dst: 3, src: 2 }, I.mov(0, 1), I.jeq(3, 2, 1), I.mov(0, 0), I.exit], undefined, 'hello').map((x) => (typeof x === 'string' ? x.length : x)), [5, 7]],
  ['msg: what is seen after a pop',  (m) => sent(m, [...calls(POP, 2, 2, 0), I.load(8, 2, 1, 0), I.load(8, 3, 1, 8), { opcode: 0x1f, dst: 3, src: 2 }, I.mov(0, 1), I.jeq(3, 2, 1), I.mov(0, 0), I.exit], 'heo', 'hello'), [5, 'heo']],
  ['msg: sizes after a push',        (m) => sent(m, [...calls(PUSH, 5, 3, 0), I.load(4, 2, 1, 68), I.mov(0, 1), I.jeq(2, 8, 1), I.mov(0, 0), I.exit], undefined, 'hello').map((x) => typeof x === 'string' ? x.length : x), [5, 8]],
  ['msg: a drop of some, after which comes more', (m) => sent(m, [...calls(APPLY, 2), ...startsWith('h')], undefined, 'xxhehe'), [4, '']],
  ['msg: to who is not in the map',  (m) => { const map = m.map(); m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', redirect(MSG_REDIRECT_MAP, map, 1))); const [client, server] = m.pair(); m.put(map, 0, server); m.put(map, 1, m.listen(91)); return [say(server, 'hello'), hear(client)]; }, ['EACCES', '']],
  ['msg: waits, and then is asked again', (m) => sent(m, [I.load(4, 2, 1, 68), { opcode: 0x35, dst: 2, imm: 4, off: 6 }, ...calls(CORK, 4), I.mov(0, 1), I.exit, ...startsWith('a')], 'abcd', 'ab', 'cd'), [2, 2, 'abcd']],
  ['msg: from a closed map',         (m) => { const map = m.map(); m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', ret(0))); const [client, server] = m.pair(); m.put(map, 0, server); m.drop(map, 0); return [say(server, 'hello'), hear(client, 'hello')]; }, [5, 'hello']],
  ['redirect: out of another',       (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 1))); const [[one], [two, server]] = m.two(map); say(one, 'hello'); return [hear(two, 'hello'), hear(server)]; }, ['hello', '']],
  ['redirect: into another',         (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 1, INGRESS))); const [[one], [two, server]] = m.two(map); say(one, 'hello'); return [hear(server, 'hello'), hear(two)]; }, ['hello', '']],
  ['redirect: by a hash',            (m) => { const map = m.map('sockhash'); m.attach(map, 'sk_skb_stream_verdict', m.prog('sk_skb_stream_verdict', redirect(SK_REDIRECT_HASH, map, 1))); const [[one], [two]] = m.two(map); say(one, 'hello'); return hear(two, 'hello'); }, 'hello'],
  ['redirect: to a key of nobody',   (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 3))); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'hello'); return hear(server); }, ''],
  ['redirect: flags of none',        (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 1, 2))); const [[one, server], [two]] = m.two(map); say(one, 'hello'); return [hear(two), hear(server)]; }, ['', '']],
  ['redirect: to who listens',       (m) => { const map = m.map(); m.attach(map, 'sk_skb_verdict', m.prog('sk_skb_verdict', redirect(SK_REDIRECT_MAP, map, 1))); m.put(map, 1, m.listen(90)); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'hello'); return hear(server); }, ''],
  ['parser: messages of three',      (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser', m.prog('sk_skb_stream_parser', ret(3))); m.attach(map, 'sk_skb_stream_verdict', m.prog('sk_skb_stream_verdict', startsWith('a', [76, 80, 4]))); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'aaabbba'); const first = hear(server); say(client, 'cc'); return [first, hear(server, 'acc')]; }, ['aaabbb', 'acc']],
  ['parser: wants all',              (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser', m.prog('sk_skb_stream_parser', [I.load(4, 0, 1, 0), I.exit])); m.attach(map, 'sk_skb_stream_verdict'); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'one'); const first = hear(server, 'one'); say(client, 'two'); return [first, hear(server, 'two')]; }, ['one', 'two']],
  ['parser: wants more',             (m) => { const map = m.map(); m.attach(map, 'sk_skb_stream_parser', m.prog('sk_skb_stream_parser', [I.load(4, 2, 1, 0), { opcode: 0x25, dst: 2, imm: 4, off: 2 }, I.mov(0, 0), I.exit, I.mov(0, 5), I.exit])); m.attach(map, 'sk_skb_stream_verdict'); const [client, server] = m.pair(); m.put(map, 0, server); say(client, 'one'); const first = hear(server); say(client, 'two'); return [first, hear(server, 'onetw')]; }, ['', 'onetw']],

  ['msg: pass',                      (m) => sent(m, ret(1), 'hello', 'hello'), [5, 'hello']],
  ['msg: drop',                      (m) => sent(m, ret(0), undefined, 'hello'), ['EACCES', '']],
  ['msg: another number',            (m) => sent(m, ret(3), undefined, 'hello'), ['EACCES', '']],
  ['msg: by what it says',           (m) => sent(m, startsWith('h'), undefined, 'no', 'hi'), ['EACCES', 'EACCES', '']],
  ['msg: who it is, and how long',   (m) => sent(m, [I.load(4, 2, 1, 16), I.jeq(2, 2, 2), I.mov(0, 0), I.exit, I.load(4, 2, 1, 64), I.jeq(2, 80, 2), I.mov(0, 0), I.exit, I.load(4, 2, 1, 68), I.jeq(2, 5, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello', 'hello'), [5, 'hello']],
  ['msg: redirect, out of another',  (m) => { const map = m.map(); m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', redirect(MSG_REDIRECT_MAP, map, 1))); const [[one, server], [two]] = m.two(map); return [say(server, 'hello'), hear(two, 'hello'), hear(one)]; }, [5, 'hello', '']],
  ['msg: redirect, into another',    (m) => { const map = m.map(); m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', redirect(MSG_REDIRECT_MAP, map, 1, INGRESS))); const [[one, server], [, other]] = m.two(map); return [say(server, 'hello'), hear(other, 'hello'), hear(one)]; }, [5, 'hello', '']],
  ['msg: redirect by a hash',        (m) => { const map = m.map('sockhash'); m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', redirect(MSG_REDIRECT_HASH, map, 1))); const [[one, server], [two]] = m.two(map); return [say(server, 'hello'), hear(two, 'hello'), hear(one)]; }, [5, 'hello', '']],
  ['msg: redirect to nobody',        (m) => { const map = m.map(); m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', redirect(MSG_REDIRECT_MAP, map, 3))); const [[one, server]] = m.two(map); return [say(server, 'hello'), hear(one)]; }, ['EACCES', '']],
  ['msg: redirect with wrong flags', (m) => { const map = m.map(); m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', redirect(MSG_REDIRECT_MAP, map, 1, 2))); const [[one, server]] = m.two(map); return [say(server, 'hello'), hear(one)]; }, ['EACCES', '']],
  ['msg: a verdict for some bytes',  (m) => sent(m, [...calls(APPLY, 2), ...startsWith('h')], undefined, 'hehaxy'), [4, 'heha']],
  ['msg: and for more than came',    (m) => sent(m, [...calls(APPLY, 6), ...startsWith('h')], undefined, 'hey', 'abcd', 'hi'), [3, 3, 'EACCES', 'heyabc']],
  ['msg: waits for more',            (m) => sent(m, [...calls(CORK, 6), I.mov(0, 1), I.exit], 'hellow', 'hello', 'w'), [5, 1, 'hellow']],
  ['msg: waits, and nothing comes',  (m) => sent(m, [...calls(CORK, 6), I.mov(0, 1), I.exit], undefined, 'hello'), [5, '']],
  ['msg: pull',                      (m) => sent(m, [...calls(PULL, 1, 3, 0), ...startsWith('e')], 'hello', 'hello'), [5, 'hello']],
  ['msg: pull, beyond',              (m) => sent(m, [...calls(PULL, 1, 9, 0), I.jeq(0, -22, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello', 'hello'), [5, 'hello']],
  ['msg: pull nothing',              (m) => sent(m, [...calls(PULL, 1, 1, 0), I.jeq(0, -22, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello', 'hello'), [5, 'hello']],
  ['msg: push',                      (m) => sent(m, [...calls(PUSH, 2, 2, 0), I.jeq(0, 0, 2), I.mov(0, 0), I.exit, ...calls(PULL, 0, 7, 0), I.load(8, 2, 1, 0), I.load(8, 3, 1, 8), I.movReg(4, 2), I.add(4, 7), { opcode: 0xbd, dst: 4, src: 3, off: 2 }, I.mov(0, 1), I.exit, I.storeImm(1, 2, 2, 0x58), I.storeImm(1, 2, 3, 0x59), I.mov(0, 1), I.exit], 'heXYllo', 'hello'), [5, 'heXYllo']],
  ['msg: push, beyond',              (m) => sent(m, [...calls(PUSH, 6, 1, 0), I.jeq(0, -22, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello', 'hello'), [5, 'hello']],
  ['msg: push nothing',              (m) => sent(m, [...calls(PUSH, 9, 0, 0), I.jeq(0, 0, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello', 'hello'), [5, 'hello']],
  ['msg: pop',                       (m) => sent(m, [...calls(POP, 1, 2, 0), I.jeq(0, 0, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hlo', 'hello'), [5, 'hlo']],
  ['msg: pop all',                   (m) => sent(m, [...calls(POP, 0, 5, 0), I.jeq(0, 0, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], undefined, 'hello'), [5, '']],
  ['msg: pop, beyond',               (m) => sent(m, [...calls(POP, 3, 3, 0), I.jeq(0, -22, 2), I.mov(0, 0), I.exit, I.mov(0, 1), I.exit], 'hello', 'hello'), [5, 'hello']],
  ['msg: attached too late',         (m) => { const map = m.map(); const [client, server] = m.pair(); m.put(map, 0, server); m.attach(map, 'sk_msg_verdict', m.prog('sk_msg_verdict', ret(0))); return [say(server, 'hello'), hear(client, 'hello')]; }, [5, 'hello']],
];

export const socketMapRows = ROWS.map(
  ([name, run, want]) => [name, (b: ProgramBench) => run(new MapBench(b)), want] as const,
);
