import { addAddress, addPair, addRoute, setUp } from './inet-packets.ts';
import { type Address, type BenchSocket, type NetBench, type Side, said } from './net-bench.ts';
import { showFrame } from './show-frame.ts';

const at = (address: string, port: number): Address => ({ address, port });
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

/** `a` has v0 with 10.0.0.1/24 and fd00::1/64, `b` has v1 with .2 and ::2, and no way to anywhere else but 10.5.0.0/16 by 10.0.0.2. */
export class SocketBench {
  readonly bench: NetBench;
  readonly #open: BenchSocket[] = [];

  constructor(bench: NetBench) {
    this.bench = bench;
    addPair(bench, 'v0', 'v1');
    for (const side of ['a', 'b'] as const) setUp(bench, side, 'lo');
    for (const address of ['10.0.0.1/24', 'fd00::1/64']) addAddress(bench, 'a', 'v0', address);
    for (const address of ['10.0.0.2/24', 'fd00::2/64']) addAddress(bench, 'b', 'v1', address);
    addRoute(bench, 'a', '10.5.0.0/16', '10.0.0.2');
  }

  udp(side: Side, address?: Address, family?: 'inet6'): BenchSocket {
    return this.#socket(side, 'udp', address, family);
  }
  tcp(side: Side, address?: Address, family?: 'inet6'): BenchSocket {
    return this.#socket(side, 'tcp', address, family);
  }
  listen(side: Side, address: Address, backlog?: number, family?: 'inet6'): BenchSocket {
    const socket = this.#socket(side, 'tcp', address, family);
    socket.listen(backlog);
    return socket;
  }
  accept(listener: BenchSocket): BenchSocket {
    const socket = listener.accept();
    if (socket === undefined) throw new Error('nobody has connected');
    this.#open.push(socket);
    return socket;
  }
  #socket(side: Side, type: 'udp' | 'tcp', address?: Address, family?: 'inet6'): BenchSocket {
    const socket = this.bench.socket(side, type, family);
    this.#open.push(socket);
    if (address !== undefined) socket.bind(address);
    return socket;
  }
  /** A connection to port 80 of `b`: its two ends. */
  pair(family?: 'inet6'): readonly [client: BenchSocket, server: BenchSocket] {
    const address = family === undefined ? '10.0.0.2' : 'fd00::2';
    const listener = this.listen('b', at(address, 80), undefined, family);
    const client = this.tcp('a', undefined, family);
    client.connect(at(address, 80));
    return [client, this.accept(listener)];
  }
  end(): void {
    for (const socket of this.#open.splice(0)) {
      try {
        socket.close();
      } catch {
        // closed by the test
      }
    }
  }

  /** What is seen at v1 of `b` and at v0 of `a`, in this order, without ARP. */
  watch(call: () => void): string[] {
    const captures = [this.bench.capture('b', 'v1'), this.bench.capture('a', 'v0')];
    call();
    return captures.flatMap((stop, i) =>
      stop()
        .map(showFrame)
        .filter((line) => / (tcp|udp|icmp 3) /.test(line) || line.includes(' udp '))
        .map(
          (line) =>
            `${i === 0 ? '>' : '<'} ${line.replace(/^\S+ \S+ ttl 64 (df )?len \d+ /, '').replace(/ (3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d\d\d|[45]\d\d\d\d|60\d\d\d)>/, ' *>')}`,
        ),
    );
  }
}

function got(socket: BenchSocket, max?: number): string | undefined {
  const received = socket.receive(max);
  return received && new TextDecoder().decode(received.data);
}
function from(socket: BenchSocket): [string, string] | undefined {
  const received = socket.receive();
  return received && [new TextDecoder().decode(received.data), received.from.address];
}
const names = ({ name, peer }: BenchSocket) => [name.address, peer?.address, peer?.port];
const failed = (call: () => unknown): unknown => {
  try {
    return call() ?? 'ok';
  } catch (error) {
    return (error as { code?: string }).code; // a SysError, or `undefined` fails the test
  }
};

/** Sends bytes and takes them at the other end as they come; how many came. */
function transfer([from, to]: readonly [BenchSocket, BenchSocket], size: number): number {
  let [sent, seen] = [0, 0];
  while (seen < size) {
    if (sent < size) sent += from.send(new Uint8Array(Math.min(50_000, size - sent)));
    while (seen < sent) {
      const received = to.receive();
      if (received === undefined) break;
      seen += received.data.length;
    }
  }
  return seen;
}

const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
/** An option, in hexadecimal digits. */
function read(socket: BenchSocket, level: number, name: number, size: number): string {
  const value = said(() => socket.getsockopt(level, name, new Uint8Array(size)));
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}

/** Binds two sockets at one port, UDP and TCP, and says whether both have it. `only`: of IPv6 alone. */
function conflicts(b: SocketBench, pairs: readonly (readonly [string, string])[]): unknown[] {
  const bind = (type: 'udp' | 'tcp', where: string) => {
    const address = where.replace('only ', '');
    const socket = b[type]('a', undefined, address.includes(':') ? 'inet6' : undefined);
    if (address !== where) socket.setsockopt(41, 26, int(1));
    socket.bind(at(address, 60));
  };
  return pairs.flatMap(([first, second]) =>
    (['udp', 'tcp'] as const).map((type) => {
      bind(type, first);
      const answer = failed(() => {
        bind(type, second);
        return 'both';
      });
      b.end();
      return answer;
    }),
  );
}

/** Each closes its sockets at its end. */
// biome-ignore format: one scenario a row
export const socketRows: readonly (readonly [name: string, run: (b: SocketBench) => unknown, want: unknown])[] = [
  ['UDP: to the other namespace and back', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const c = b.udp('a'); c.send(text('hi'), at('10.0.0.2', 53)); const r = s.receive(); s.send(text('yo'), r?.from); return [r?.from.address, from(c)]; }, ['10.0.0.1', ['yo', '10.0.0.2']]],
  ['UDP: over IPv6', (b) => { const s = b.udp('b', at('fd00::2', 53), 'inet6'); const c = b.udp('a', undefined, 'inet6'); c.send(text('hi'), at('fd00::2', 53)); return from(s); }, ['hi', 'fd00::1']],
  ['UDP: to any address', (b) => { const s = b.udp('b', at('0.0.0.0', 53)); b.udp('a').send(text('hi'), at('10.0.0.2', 53)); return from(s); }, ['hi', '10.0.0.1']],
  ['UDP: to itself', (b) => { const s = b.udp('a', at('10.0.0.1', 53)); b.udp('a').send(text('hi'), at('10.0.0.1', 53)); return from(s); }, ['hi', '10.0.0.1']],
  ['UDP: over loopback', (b) => { const s = b.udp('a', at('127.0.0.1', 53)); b.udp('a').send(text('hi'), at('127.0.0.1', 53)); return from(s); }, ['hi', '127.0.0.1']],
  ['UDP: nothing is there', (b) => got(b.udp('a', at('10.0.0.1', 53))), undefined],
  ['UDP: datagrams keep their bounds', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const c = b.udp('a'); for (const word of ['one', '', 'three']) c.send(text(word), at('10.0.0.2', 53)); return [got(s), got(s), got(s)]; }, ['one', '', 'three']],
  ['UDP: what a buffer has no room for is lost', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const c = b.udp('a'); for (const word of ['one', 'two']) c.send(text(word), at('10.0.0.2', 53)); return [got(s, 2), got(s)]; }, ['on', 'two']],
  ['UDP: a closed port shows at the next call', (b) => { const c = b.udp('a'); c.connect(at('10.0.0.2', 54)); c.send(text('hi')); return [failed(() => c.receive()), failed(() => c.send(text('hi')))]; }, ['ECONNREFUSED', 2]],
  ['UDP: and to who is not connected, never', (b) => { const c = b.udp('a'); c.send(text('hi'), at('10.0.0.2', 54)); return [failed(() => got(c)), failed(() => c.send(text('hi'), at('10.0.0.2', 54)))]; }, ['ok', 2]],
  ['UDP: IPv6, a closed port', (b) => { const c = b.udp('a', undefined, 'inet6'); c.connect(at('fd00::2', 54)); c.send(text('hi')); return failed(() => c.send(text('hi'))); }, 'ECONNREFUSED'],
  ['UDP: nowhere to send to', (b) => failed(() => b.udp('a').send(text('hi'))), 'EDESTADDRREQ'],
  ['UDP: no way', (b) => failed(() => b.udp('a').send(text('hi'), at('192.0.2.1', 9))), 'ENETUNREACH'],
  ['UDP: no way to connect to', (b) => failed(() => b.udp('a').connect(at('192.0.2.1', 9))), 'ENETUNREACH'],
  ['UDP: port 0', (b) => failed(() => b.udp('a').send(text('hi'), at('10.0.0.2', 0))), 'EINVAL'],
  ['UDP: an address of another family', (b) => failed(() => b.udp('a').send(text('hi'), at('fd00::2', 53))), 'EAFNOSUPPORT'],
  ['UDP: too long for the device', (b) => failed(() => { const c = b.udp('a'); c.send(new Uint8Array(65508), at('10.0.0.2', 53)); }), 'EMSGSIZE'],
  ['UDP: broadcast without permission', (b) => failed(() => b.udp('a').send(text('hi'), at('10.0.0.255', 53))), 'EACCES'],
  ['UDP: broadcast', (b) => { const s = b.udp('b', at('0.0.0.0', 53)); const c = b.udp('a'); c.set('broadcast', 1); c.send(text('hi'), at('10.0.0.255', 53)); return from(s); }, ['hi', '10.0.0.1']],
  ['UDP: connected, only from the peer', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const c = b.udp('a', at('10.0.0.1', 7)); s.connect(at('10.0.0.1', 8)); c.send(text('hi'), at('10.0.0.2', 53)); return got(s); }, undefined],
  ['UDP: the connected one comes first', (b) => { const any = b.udp('b'); any.set('reuseAddress', 1); any.bind(at('0.0.0.0', 53)); const s = b.udp('b'); s.set('reuseAddress', 1); s.bind(at('10.0.0.2', 53)); s.connect(at('10.0.0.1', 7)); b.udp('a', at('10.0.0.1', 7)).send(text('hi'), at('10.0.0.2', 53)); return [got(s), got(any)]; }, ['hi', undefined]],
  ['UDP: connecting chooses the address', (b) => { const c = b.udp('a'); c.connect(at('10.0.0.2', 53)); return names(c); }, ['10.0.0.1', '10.0.0.2', 53]],
  ['UDP: on the wire', (b) => b.watch(() => { b.udp('a', at('10.0.0.1', 7)).send(text('hi'), at('10.0.0.2', 99)); }), ['> udp 7>99 "hi"']],

  ['bind: a port that is taken', (b) => { b.udp('a', at('10.0.0.1', 53)); return failed(() => b.udp('a', at('10.0.0.1', 53))); }, 'EADDRINUSE'],
  ['bind: taken by one for any address', (b) => { b.udp('a', at('0.0.0.0', 53)); return failed(() => b.udp('a', at('10.0.0.1', 53))); }, 'EADDRINUSE'],
  ['bind: the same port of another address', (b) => { b.udp('a', at('10.0.0.1', 53)); b.udp('a', at('127.0.0.1', 53)); return 'both'; }, 'both'],
  ['bind: the same port of the other protocol', (b) => { b.udp('a', at('10.0.0.1', 53)); b.tcp('a', at('10.0.0.1', 53)); return 'both'; }, 'both'],
  ['bind: the same in another namespace', (b) => { b.udp('a', at('0.0.0.0', 53)); b.udp('b', at('0.0.0.0', 53)); return 'both'; }, 'both'],
  ['bind: an address that is not ours', (b) => failed(() => b.udp('a', at('10.0.0.2', 53))), 'EADDRNOTAVAIL'],
  ['bind: twice', (b) => { const s = b.udp('a', at('10.0.0.1', 53)); return failed(() => s.bind(at('10.0.0.1', 54))); }, 'EINVAL'],
  ['bind: an address of the other family', (b) => failed(() => b.udp('a', at('::1', 53))), 'EAFNOSUPPORT'],
  ['bind: any free port', (b) => b.udp('a', at('10.0.0.1', 0)).name.port >= 32768, true],
  ['bind: both reuse the port', (b) => { for (let i = 0; i < 2; i++) { const s = b.udp('a'); s.set('reusePort', 1); s.bind(at('10.0.0.1', 53)); } return 'both'; }, 'both'],
  ['bind: only one does', (b) => { b.udp('a', at('10.0.0.1', 53)); const s = b.udp('a'); s.set('reusePort', 1); return failed(() => s.bind(at('10.0.0.1', 53))); }, 'EADDRINUSE'],
  ['bind: TCP reuses the address unless somebody listens', (b) => { const one = b.tcp('a'); one.set('reuseAddress', 1); one.bind(at('10.0.0.1', 80)); const two = b.tcp('a'); two.set('reuseAddress', 1); two.bind(at('10.0.0.1', 80)); one.listen(); const three = b.tcp('a'); three.set('reuseAddress', 1); return failed(() => three.bind(at('10.0.0.1', 80))); }, 'EADDRINUSE'],

  ['dual stack: UDP of IPv4 comes to an IPv6 socket, and back', (b) => { const s = b.udp('b', at('::', 53), 'inet6'); const c = b.udp('a'); c.send(text('hi'), at('10.0.0.2', 53)); const r = s.receive(); s.send(text('yo'), r?.from); return [r?.from.address, from(c), s.name.address]; }, ['::ffff:10.0.0.1', ['yo', '10.0.0.2'], '::']],
  ['dual stack: and of IPv6 too', (b) => { const s = b.udp('b', at('::', 53), 'inet6'); b.udp('a', undefined, 'inet6').send(text('hi'), at('fd00::2', 53)); return from(s); }, ['hi', 'fd00::1']],
  ['dual stack: IPv6 alone', (b) => { const s = b.udp('b', undefined, 'inet6'); s.setsockopt(41, 26, int(1)); s.bind(at('::', 53)); b.udp('a').send(text('hi'), at('10.0.0.2', 53)); return got(s); }, undefined],
  ['dual stack: at a mapped address', (b) => { const s = b.udp('b', at('::ffff:10.0.0.2', 53), 'inet6'); b.udp('a').send(text('hi'), at('10.0.0.2', 53)); return [s.name.address, from(s)]; }, ['::ffff:10.0.0.2', ['hi', '::ffff:10.0.0.1']]],
  ['dual stack: at any mapped address', (b) => { const s = b.udp('b', at('::ffff:0.0.0.0', 53), 'inet6'); b.udp('a', undefined, 'inet6').send(text('six'), at('fd00::2', 53)); b.udp('a').send(text('four'), at('10.0.0.2', 53)); return [s.name.address, got(s), got(s)]; }, ['::ffff:0.0.0.0', 'four', undefined]],
  ['dual stack: UDP connects to a mapped address', (b) => { const c = b.udp('a', undefined, 'inet6'); c.connect(at('::ffff:10.0.0.2', 53)); return names(c); }, ['::ffff:10.0.0.1', '::ffff:10.0.0.2', 53]],
  ['dual stack: on the wire', (b) => b.watch(() => { b.udp('a', at('::', 7), 'inet6').send(text('hi'), at('::ffff:10.0.0.2', 99)); }).filter((line) => line.includes('udp')), ['> udp 7>99 "hi"']],
  // By loopback, where Linux does not limit how often it says so.
  ['dual stack: a closed port', (b) => { const c = b.udp('a', undefined, 'inet6'); c.connect(at('::ffff:127.0.0.1', 54)); c.send(text('hi')); return failed(() => c.send(text('hi'))); }, 'ECONNREFUSED'],
  ['dual stack: the other family does not fit the address', (b) => [['::1', '::ffff:127.0.0.1'], ['::ffff:127.0.0.1', '::1']].flatMap(([mine = '', to = '']) => { const [u, d, t] = [b.udp('a', at(mine, 70), 'inet6'), b.udp('a', at(mine, 71), 'inet6'), b.tcp('a', at(mine, 70), 'inet6')]; const said = [failed(() => u.send(text('x'), at(to, 9))), failed(() => d.connect(at(to, 9))), failed(() => t.connect(at(to, 9)))]; b.end(); return said; }), ['ENETUNREACH', 'ENETUNREACH', 'ENETUNREACH', 'EAFNOSUPPORT', 'EAFNOSUPPORT', 'EAFNOSUPPORT']],
  ['dual stack: IPv6 alone goes to no mapped address', (b) => { const only = (s: BenchSocket) => { s.setsockopt(41, 26, int(1)); return s; }; const [u, t] = [only(b.udp('a', undefined, 'inet6')), only(b.tcp('a', undefined, 'inet6'))]; const to = at('::ffff:10.0.0.2', 53); return [failed(() => u.send(text('x'), to)), failed(() => u.connect(to)), failed(() => t.connect(to)), failed(() => u.bind(at('::ffff:10.0.0.1', 53)))]; }, ['ENETUNREACH', 'ENETUNREACH', 'ENETUNREACH', 'EINVAL']],
  ['dual stack: TCP of IPv4 comes to an IPv6 socket', (b) => { const l = b.listen('b', at('::', 80), undefined, 'inet6'); const c = b.tcp('a'); c.connect(at('10.0.0.2', 80)); const s = b.accept(l); c.send(text('question')); const asked = got(s); s.send(text('answer')); return [asked, got(c), s.name.address, s.peer?.address]; }, ['question', 'answer', '::ffff:10.0.0.2', '::ffff:10.0.0.1']],
  ['dual stack: TCP connects to a mapped address', (b) => { const l = b.listen('b', at('10.0.0.2', 80)); const c = b.tcp('a', undefined, 'inet6'); c.connect(at('::ffff:10.0.0.2', 80)); const s = b.accept(l); c.send(text('hi')); return [got(s), names(c), s.peer?.address]; }, ['hi', ['::ffff:10.0.0.1', '::ffff:10.0.0.2', 80], '10.0.0.1']],
  ['dual stack: TCP, a closed port', (b) => failed(() => b.tcp('a', undefined, 'inet6').connect(at('::ffff:10.0.0.2', 81))), 'ECONNREFUSED'],
  ['dual stack: the handshake', (b) => { b.listen('b', at('::', 80), undefined, 'inet6'); return b.watch(() => { b.tcp('a', undefined, 'inet6').connect(at('::ffff:10.0.0.2', 80)); }); }, ['> tcp *>80 SYN mss 1460 scaled times ""', '> tcp *>80 ACK times ""', '< tcp 80>* SYN ACK mss 1460 scaled times ""']],
  ['dual stack: the socket of IPv4 comes first', (b) => { const [six, four] = (['inet6', undefined] as const).map((family) => { const s = b.udp('b', undefined, family); s.set('reusePort', 1); s.bind(at(family === 'inet6' ? '::' : '0.0.0.0', 53)); return s; }); b.udp('a').send(text('hi'), at('10.0.0.2', 53)); return [six, four].map((s) => s && got(s)); }, [undefined, 'hi']],
  ['dual stack: ports that are taken', (b) => conflicts(b, [['::', '10.0.0.1'], ['10.0.0.1', '::'], ['::', '0.0.0.0'], ['::ffff:10.0.0.1', '10.0.0.1'], ['::ffff:0.0.0.0', '10.0.0.1'], ['::1', '::'], ['::', 'only ::'], ['::ffff:10.0.0.1', '::']]), Array(16).fill('EADDRINUSE')],
  ['dual stack: ports that are not', (b) => conflicts(b, [['only ::', '0.0.0.0'], ['0.0.0.0', 'only ::'], ['::1', '0.0.0.0'], ['::ffff:10.0.0.1', '::1'], ['::ffff:10.0.0.1', 'only ::'], ['::ffff:10.0.0.1', '127.0.0.1']]), Array(12).fill('both')],
  ['dual stack: IPV6_V6ONLY', (b) => { const s = b.udp('a', undefined, 'inet6'); const before = read(s, 41, 26, 4); s.setsockopt(41, 26, int(7)); const after = [read(s, 41, 26, 4), read(s, 41, 26, 1)]; s.bind(at('::', 53)); return [before, ...after, failed(() => s.setsockopt(41, 26, int(1))), failed(() => s.setsockopt(41, 26, int(0)))]; }, ['00000000', '01000000', '01', 'EINVAL', 'EINVAL']],
  ['dual stack: an IPv4 socket has no IPV6_V6ONLY', (b) => { const s = b.udp('a'); return [failed(() => s.setsockopt(41, 26, int(1))), read(s, 41, 26, 4)]; }, ['ENOPROTOOPT', 'EOPNOTSUPP']],

  ['option: a device', (b) => { const s = b.udp('b'); const none = read(s, 1, 25, 16); s.setsockopt(1, 25, text('v1\0')); const one = read(s, 1, 25, 16); s.setsockopt(1, 25, text('')); return [none, one, read(s, 1, 25, 16)]; }, ['', '763100', '']],
  ['option: a device that is not there', (b) => failed(() => b.udp('a').setsockopt(1, 25, text('v1'))), 'ENODEV'],
  ['option: the name of a device is longer than the buffer', (b) => { const s = b.udp('b'); s.setsockopt(1, 25, text('v1')); return read(s, 1, 25, 15); }, 'EINVAL'],
  ['option: only by its device', (b) => { const s = b.udp('b'); s.setsockopt(1, 25, text('lo')); s.bind(at('0.0.0.0', 53)); b.udp('a').send(text('hi'), at('10.0.0.2', 53)); return got(s); }, undefined],
  ['option: TCP, only by its device', (b) => { const s = b.tcp('b'); s.setsockopt(1, 25, text('lo')); s.bind(at('0.0.0.0', 80)); s.listen(); return failed(() => b.tcp('a').connect(at('10.0.0.2', 80))); }, 'ECONNREFUSED'],
  ['option: one for each device', (b) => { const [one, two] = ['v1', 'lo'].map((name) => { const s = b.udp('b'); s.setsockopt(1, 25, text(name)); s.bind(at('0.0.0.0', 53)); return s; }); b.udp('a').send(text('hi'), at('10.0.0.2', 53)); return [one, two].map((s) => s && got(s)); }, ['hi', undefined]],
  ['option: the SYN is kept', (b) => { const l = b.listen('b', at('10.0.0.2', 80)); l.setsockopt(6, 27, int(1)); b.tcp('a').connect(at('10.0.0.2', 80)); const s = b.accept(l); return [read(l, 6, 27, 4), read(l, 6, 28, 80), read(s, 6, 28, 40), read(s, 6, 28, 80).slice(0, 2), read(s, 6, 28, 80)]; }, ['01000000', '', 'EINVAL', '45', '']],
  ['option: the SYN and its link header are kept', (b) => { const l = b.listen('b', at('fd00::2', 80), undefined, 'inet6'); l.setsockopt(6, 27, int(2)); b.tcp('a', undefined, 'inet6').connect(at('fd00::2', 80)); const s = b.accept(l); const syn = read(s, 6, 28, 200); return [syn.length, syn.slice(0, 24)]; }, [188, '02000000000b02000000000a']],
  ['option: the SYN cannot be set', (b) => { const l = b.listen('b', at('10.0.0.2', 80)); return [failed(() => l.setsockopt(6, 28, int(1))), failed(() => l.setsockopt(6, 27, int(3))), failed(() => l.setsockopt(6, 27, text('abc'))), failed(() => b.udp('b').setsockopt(6, 27, int(1))), read(b.udp('b'), 6, 28, 80)]; }, ['ENOPROTOOPT', 'EINVAL', 'EINVAL', 'ENOPROTOOPT', 'EOPNOTSUPP']],
  ['option: numbers', (b) => { const [u, t] = [b.udp('a'), b.tcp('a')]; for (const s of [u, t]) s.setsockopt(1, 7, int(10000)); t.setsockopt(6, 1, int(7)); return [read(u, 1, 7, 4), read(t, 1, 7, 4), read(t, 6, 1, 4), read(t, 6, 5, 2), failed(() => t.setsockopt(6, 5, int(0))), failed(() => u.setsockopt(6, 1, int(1))), failed(() => t.setsockopt(6, 1008, int(1))), failed(() => u.setsockopt(1, 1000, int(1)))]; }, ['204e0000', '204e0000', '01000000', '4b00', 'EINVAL', 'ENOPROTOOPT', 'ENOPROTOOPT', 'ENOPROTOOPT']],

  ['TCP: data both ways', (b) => { const [c, s] = b.pair(); c.send(text('question')); const asked = got(s); s.send(text('answer')); return [asked, got(c), names(c), names(s)[0]]; }, ['question', 'answer', ['10.0.0.1', '10.0.0.2', 80], '10.0.0.2']],
  ['TCP: over IPv6', (b) => { const [c, s] = b.pair('inet6'); c.send(text('question')); return [got(s), names(c)]; }, ['question', ['fd00::1', 'fd00::2', 80]]],
  ['TCP: to itself', (b) => { const l = b.listen('a', at('127.0.0.1', 80)); const c = b.tcp('a'); c.connect(at('127.0.0.1', 80)); c.send(text('hi')); return got(b.accept(l)); }, 'hi'],
  ['TCP: bytes have no bounds', (b) => { const [c, s] = b.pair(); c.send(text('one')); c.send(text('two')); return [got(s, 4), got(s)]; }, ['onet', 'wo']],
  ['TCP: nothing yet', (b) => { const [c] = b.pair(); return got(c); }, undefined],
  ['TCP: the end of the stream', (b) => { const [c, s] = b.pair(); c.send(text('bye')); c.close(); return [got(s), got(s), got(s)]; }, ['bye', '', '']],
  ['TCP: a half that is closed', (b) => { const [c, s] = b.pair(); c.shutdown('write'); const end = got(s); s.send(text('more')); return [end, got(c), failed(() => c.send(text('x')))]; }, ['', 'more', 'EPIPE']],
  ['TCP: a closed port', (b) => failed(() => b.tcp('a').connect(at('10.0.0.2', 81))), 'ECONNREFUSED'],
  ['TCP: IPv6, a closed port', (b) => failed(() => b.tcp('a', undefined, 'inet6').connect(at('fd00::2', 81))), 'ECONNREFUSED'],
  ['TCP: no way', (b) => failed(() => b.tcp('a').connect(at('192.0.2.1', 80))), 'ENETUNREACH'],
  ['TCP: nobody has the address', (b) => failed(() => b.tcp('a').connect(at('10.0.0.77', 80))), 'EHOSTUNREACH'],
  ['TCP: connected already', (b) => { const [c] = b.pair(); return failed(() => c.connect(at('10.0.0.2', 80))); }, 'EISCONN'],
  ['TCP: who listens cannot connect', (b) => failed(() => b.listen('a', at('10.0.0.1', 80)).connect(at('10.0.0.2', 80))), 'EISCONN'],
  ['TCP: nobody to accept', (b) => b.listen('a', at('10.0.0.1', 80)).accept(), undefined],
  ['TCP: who does not listen cannot accept', (b) => failed(() => b.tcp('a', at('10.0.0.1', 80)).accept()), 'EINVAL'],
  ['TCP: not connected', (b) => { const c = b.tcp('a'); return [failed(() => c.send(text('x'))), failed(() => c.receive()), failed(() => c.shutdown('write'))]; }, ['EPIPE', 'ENOTCONN', 'ENOTCONN']],
  ['TCP: UDP cannot listen', (b) => failed(() => b.udp('a').listen()), 'EOPNOTSUPP'],
  ['TCP: the other end closes with data unread', (b) => { const [c, s] = b.pair(); c.send(text('lost')); s.close(); return [failed(() => c.receive()), failed(() => c.send(text('x')))]; }, ['ECONNRESET', 'EPIPE']],
  ['TCP: who listens goes, and takes those along that wait', (b) => { const l = b.listen('b', at('10.0.0.2', 80)); const c = b.tcp('a'); c.connect(at('10.0.0.2', 80)); l.close(); return failed(() => c.receive()); }, 'ECONNRESET'],
  ['TCP: several connections of one listener', (b) => { const l = b.listen('b', at('10.0.0.2', 80)); const cs = [1, 2, 3].map((n) => { const c = b.tcp('a'); c.connect(at('10.0.0.2', 80)); c.send(text(String(n))); return c; }); return [cs.length, got(b.accept(l)), got(b.accept(l)), got(b.accept(l)), l.accept()]; }, [3, '1', '2', '3', undefined]],
  ['TCP: much data', (b) => transfer(b.pair(), 300_000), 300_000],
  ['TCP: the handshake', (b) => b.watch(() => { b.pair(); }), ['> tcp *>80 SYN mss 1460 scaled times ""', '> tcp *>80 ACK times ""', '< tcp 80>* SYN ACK mss 1460 scaled times ""']],
  ['TCP: IPv6, the handshake', (b) => b.watch(() => { b.pair('inet6'); }), ['> tcp *>80 SYN mss 1440 scaled times ""', '> tcp *>80 ACK times ""', '< tcp 80>* SYN ACK mss 1440 scaled times ""']],
  ['TCP: data, and its acknowledgement', (b) => { const [c] = b.pair(); return b.watch(() => { c.send(text('hello')); }); }, ['> tcp *>80 PSH ACK times "hello"', '< tcp 80>* ACK times ""']],
  ['TCP: the end of both', (b) => { const [c, s] = b.pair(); return b.watch(() => { c.close(); s.receive(); s.close(); }).filter((line) => line.includes('FIN')); }, ['> tcp *>80 FIN ACK times ""', '< tcp 80>* FIN ACK times ""']],
  ['TCP: a closed port, on the wire', (b) => b.watch(() => { failed(() => b.tcp('a').connect(at('10.0.0.2', 81))); }), ['> tcp *>81 SYN mss 1460 scaled times ""', '< tcp 81>* RST ACK  ""']],
];
