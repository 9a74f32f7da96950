import { attachNetfilter, type BpfProgram, load, openObject } from '../../src/index.ts';
import { type NETFILTER_FAMILIES, NETFILTER_HOOKS } from '../../src/loader/attach/netfilter.ts';
import { attachTypeNumber, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfLinkInfo } from '../../src/uapi/info.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { objectBytes } from '../support/objects.ts';
import { addAddress, addPair, udp } from './inet-packets.ts';
import type { NetBench } from './net-bench.ts';
import { outcome, type Session } from './session.ts';
import { SocketBench } from './sockets.ts';

const text = (words: string) => new TextEncoder().encode(words);
const at = (address: string, port: number) => ({ address, port });
type Hook = keyof typeof NETFILTER_HOOKS;
type Family = keyof typeof NETFILTER_FAMILIES;

/** The namespaces of {@link SocketBench}, of which `b` is a router to w1 (10.1.0.2/24); in each, two programs of netfilter.c that may be attached. */
export class NetfilterBench extends SocketBench {
  readonly #object = openObject(objectBytes('test/objects/netfilter.o'), { file: 'netfilter.o' });

  constructor(bench: NetBench) {
    super(bench);
    addPair(bench, 'w0', 'w1');
    addAddress(bench, 'b', 'w1', '10.1.0.2/24');
    bench.setForwarding('b', true);
  }

  /** What programs at these hooks of a namespace see of what is done, one line a packet, without what TCP acknowledges. `drops`: the letter that a datagram of UDP must not begin with. */
  see(side: 'a' | 'b', places: readonly (readonly [Family, Hook, number])[], call: () => unknown, drops = ''): unknown {
    using loaded = load(this.bench.kernel(side), this.#object);
    loaded.globals.drops = drops.charCodeAt(0) || 1000;
    using _ = this.#attach(loaded.program('first'), loaded.program('second'), places);
    const result = call();
    const seen = (loaded.globals.seen as Seen[]).slice(0, Math.min(Number(loaded.globals.at), 16)); // struct seen[16]
    return [...seen.map(line), ...(result === undefined ? [] : [result])];
  }

  #attach(first: BpfProgram, second: BpfProgram, places: readonly (readonly [Family, Hook, number])[]): Disposable {
    const links = places.map(([family, hook, priority]) =>
      attachNetfilter(priority < 0 ? first : second, family, hook, { priority }),
    );
    return {
      [Symbol.dispose]() {
        for (const link of links) link.close();
      },
    };
  }
}

interface Seen {
  readonly [name: string]: number;
}
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const letter = (code = 0) => (code === 0 ? '-' : String.fromCharCode(code));

function line(seen: Seen): string {
  const { priority, hook = 0, pf, len, protocol = 0, mark, ttl, next, rdonly } = seen;
  return `${priority} ${HOOKS[hook]} ${pf} ${letter(seen.in)}>${letter(seen.out)} len ${len} ${protocol.toString(16)} mark ${mark} ttl ${ttl} ${next}${rdonly ? '' : ' writable'}`;
}

const ALL: readonly (readonly [Family, Hook, number])[] = (Object.keys(NETFILTER_HOOKS) as Hook[]).flatMap((hook) => [
  ['ip', hook, 1] as const, // the keys of the table
  ['ip6', hook, 1] as const,
]);
const failed = (call: () => unknown): unknown => {
  try {
    call();
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code; // a SysError, or `undefined` fails the test
  }
};
const datagram = (b: NetfilterBench, words: string, family?: 'inet6'): unknown => {
  const address = family === undefined ? '10.0.0.2' : 'fd00::2';
  const server = b.udp('b', at(address, 53), family);
  const sent = failed(() => b.udp('a', undefined, family).send(text(words), at(address, 53)));
  return [sent, got(server)];
};
const got = (socket: ReturnType<NetfilterBench['udp']>): string | undefined => {
  const received = socket.receive();
  return received && new TextDecoder().decode(received.data);
};

/** A datagram that comes to `b` and is not for it. */
const forward = ({ bench }: NetfilterBench, to: string, ttl: number): void =>
  bench.send('a', 'v0', udp('10.0.0.1', to, 53, text('hello'), { ttl }));

/** Each closes its sockets at its end. */
// biome-ignore format: one scenario a row
export const netfilterRows: readonly (readonly [name: string, run: (b: NetfilterBench) => unknown, want: unknown])[] = [
  ['a datagram that is sent', (b) => b.see('a', ALL, () => datagram(b, 'hello')), ['2 output 2 ->v len 33 800 mark 0 ttl 64 17', '2 postrouting 2 ->v len 33 800 mark 0 ttl 64 17', ['ok', 'hello']]],
  ['a datagram that comes', (b) => b.see('b', ALL, () => datagram(b, 'hello')), ['2 prerouting 2 v>- len 33 800 mark 0 ttl 64 17', '2 input 2 v>- len 33 800 mark 0 ttl 64 17', ['ok', 'hello']]],
  ['a datagram of IPv6 that is sent', (b) => b.see('a', ALL, () => datagram(b, 'hello', 'inet6')), ['2 output 10 ->v len 53 86dd mark 0 ttl 64 17', '2 postrouting 10 ->v len 53 86dd mark 0 ttl 64 17', '2 output 10 ->v len 72 86dd mark 0 ttl 255 58', '2 postrouting 10 v>v len 72 86dd mark 0 ttl 255 58', '2 prerouting 10 v>- len 72 86dd mark 0 ttl 255 58', '2 input 10 v>- len 72 86dd mark 0 ttl 255 58', ['ok', 'hello']]],
  ['a datagram of IPv6 that comes', (b) => b.see('b', ALL, () => datagram(b, 'hello', 'inet6')), ['2 prerouting 10 v>- len 53 86dd mark 0 ttl 64 17', '2 input 10 v>- len 53 86dd mark 0 ttl 64 17', ['ok', 'hello']]],
  ['a datagram to the host itself', (b) => b.see('a', ALL, () => { const s = b.udp('a', at('127.0.0.1', 53)); b.udp('a').send(text('hi'), at('127.0.0.1', 53)); return got(s); }), ['2 output 2 ->l len 30 800 mark 0 ttl 64 17', '2 postrouting 2 ->l len 30 800 mark 0 ttl 64 17', '2 prerouting 2 l>- len 30 800 mark 0 ttl 64 17', '2 input 2 l>- len 30 800 mark 0 ttl 64 17', 'hi']],
  ['a mark', (b) => b.see('a', [['ip', 'output', 1]], () => { const c = b.udp('a'); c.set('mark', 7); c.send(text('hi'), at('10.0.0.2', 53)); }), ['2 output 2 ->v len 30 800 mark 7 ttl 64 17']],
  ['two programs, by their priorities', (b) => b.see('a', [['ip', 'output', 2], ['ip', 'output', -3], ['ip', 'output', -4]], () => datagram(b, 'hello')), ['1 output 2 ->v len 33 800 mark 0 ttl 64 17', '1 output 2 ->v len 33 800 mark 0 ttl 64 17', '2 output 2 ->v len 33 800 mark 0 ttl 64 17', ['ok', 'hello']]],
  ['dropped on its way out', (b) => b.see('a', [['ip', 'output', 1], ['ip', 'postrouting', -1]], () => datagram(b, 'hello'), 'h'), ['2 output 2 ->v len 33 800 mark 0 ttl 64 17', ['EPERM', undefined]]],
  ['dropped behind the routes', (b) => b.see('a', [['ip', 'postrouting', 1]], () => datagram(b, 'hello'), 'h'), ['2 postrouting 2 ->v len 33 800 mark 0 ttl 64 17', ['EPERM', undefined]]],
  ['dropped on its way in', (b) => b.see('b', [['ip', 'input', 1]], () => datagram(b, 'hello'), 'h'), ['2 input 2 v>- len 33 800 mark 0 ttl 64 17', ['ok', undefined]]],
  ['dropped before the routes', (b) => b.see('b', [['ip', 'input', 1], ['ip', 'prerouting', -1]], () => datagram(b, 'hello'), 'h'), ['1 prerouting 2 v>- len 33 800 mark 0 ttl 64 17', ['ok', undefined]]],
  ['dropped by the first', (b) => b.see('b', [['ip', 'input', 1], ['ip', 'input', -1]], () => datagram(b, 'hello'), 'h'), ['1 input 2 v>- len 33 800 mark 0 ttl 64 17', ['ok', undefined]]],
  ['another letter', (b) => b.see('b', [['ip', 'input', 1]], () => datagram(b, 'hello'), 'x'), ['2 input 2 v>- len 33 800 mark 0 ttl 64 17', ['ok', 'hello']]],
  ['IPv6, dropped on its way out', (b) => b.see('a', [['ip6', 'output', 1]], () => datagram(b, 'hello', 'inet6'), 'h'), ['2 output 10 ->v len 53 86dd mark 0 ttl 64 17', ['EPERM', undefined]]],
  ['the other family', (b) => b.see('b', [['ip6', 'input', 1]], () => datagram(b, 'hello')), [['ok', 'hello']]],
  ['a closed port', (b) => b.see('b', ALL, () => { b.udp('a').send(text('hi'), at('10.0.0.2', 54)); }), ['2 prerouting 2 v>- len 30 800 mark 0 ttl 64 17', '2 input 2 v>- len 30 800 mark 0 ttl 64 17', '2 output 2 ->v len 58 800 mark 0 ttl 64 1', '2 postrouting 2 ->v len 58 800 mark 0 ttl 64 1']],
  ['a packet for others', (b) => b.see('b', ALL, () => forward(b, '10.1.0.9', 64)), ['2 prerouting 2 v>- len 33 800 mark 0 ttl 64 17', '2 forward 2 v>w len 33 800 mark 0 ttl 63 17', '2 postrouting 2 v>w len 33 800 mark 0 ttl 63 17']],
  ['a packet for others, too old', (b) => b.see('b', ALL, () => forward(b, '10.1.0.9', 1)), ['2 prerouting 2 v>- len 33 800 mark 0 ttl 1 17', '2 output 2 ->v len 61 800 mark 0 ttl 64 1', '2 postrouting 2 ->v len 61 800 mark 0 ttl 64 1']],
  ['a packet for others, nowhere to go', (b) => b.see('b', ALL, () => forward(b, '192.0.2.9', 64)), ['2 prerouting 2 v>- len 33 800 mark 0 ttl 64 17', '2 output 2 ->v len 61 800 mark 0 ttl 64 1', '2 postrouting 2 ->v len 61 800 mark 0 ttl 64 1']],
  ['dropped on its way through', (b) => b.see('b', [['ip', 'forward', 1], ['ip', 'postrouting', 1]], () => forward(b, '10.1.0.9', 64), 'h'), ['2 forward 2 v>w len 33 800 mark 0 ttl 63 17']],
  ['a connection refused', (b) => b.see('b', [['ip', 'prerouting', 1], ['ip', 'output', 1]], () => failed(() => b.tcp('a').connect(at('10.0.0.2', 81)))), ['2 prerouting 2 v>- len 60 800 mark 0 ttl 64 6', '2 output 2 ->v len 40 800 mark 0 ttl 64 6', 'ECONNREFUSED']],
];

/** struct nf_hook_state begins with the hook and the family. */
const STATE = 48;
const ETHER = { ip: [8, 0], ip6: [0x86, 0xdd], arp: [8, 6] } as const;
const frame = (kind: keyof typeof ETHER, size: number) =>
  Uint8Array.from([...new Uint8Array(12), ...ETHER[kind], ...new Uint8Array(size)]);
const run = (s: Session, data_in: Uint8Array, state?: readonly number[], more = {}): unknown => {
  const attr = { prog_fd: load1(s), data_in, data_size_in: data_in.length, ...more };
  const ctx_in = state && Uint8Array.from({ length: Math.max(STATE, state.length) }, (_, i) => state[i] ?? 0);
  const result = { ...attr, ...(ctx_in && { ctx_in, ctx_size_in: ctx_in.length }), retval: 0 };
  s.kernel.bpf('BPF_PROG_TEST_RUN', result);
  return result.retval;
};
const load1 = (s: Session, expected_attach_type: number = attachTypeNumber.netfilter): Fd => {
  const insns = bytecode(I.mov(0, 1), I.exit);
  return s.prog({ prog_type: progTypeNumber.netfilter, expected_attach_type, insns, insn_cnt: 2 });
};
const link = (s: Session, pf: number, hook: number, priority: number, flags = 0, more = {}): Fd =>
  s.own(
    s.kernel.bpf('BPF_LINK_CREATE', {
      prog_fd: load1(s),
      attach_type: attachTypeNumber.netfilter,
      'netfilter.pf': pf,
      'netfilter.hooknum': hook,
      'netfilter.priority': priority,
      'netfilter.flags': flags,
      ...more,
    }),
  );

/** System calls of a process in `b`. */
// biome-ignore format: aligned table
export const netfilterCalls: readonly (readonly [name: string, run: (s: Session) => unknown, want: unknown])[] = [
  ['load: for nothing',             (s) => load1(s, 0),                        'EINVAL'],
  ['load: for another hook',        (s) => load1(s, attachTypeNumber.tcx_ingress), 'EINVAL'],
  ['link: info', (s) => {
    const info = s.info(link(s, 10, 4, -7, 0), bpfLinkInfo);
    return [info.type, info['netfilter.pf'], info['netfilter.hooknum'], info['netfilter.priority'], info['netfilter.flags']];
  }, [10, 10, 4, -7, 0]],
  ['link: info, with fragments put together', (s) => s.info(link(s, 2, 1, -399, 1), bpfLinkInfo)['netfilter.flags'], 1],
  ['link: fdinfo',                  (s) => /pf:.*/.exec(s.text(`/proc/self/fdinfo/${link(s, 2, 0, -7)}`))?.[0], 'pf:\t2\thooknum:\t0\tprio:\t-7'],
  ['link: another family',          (s) => link(s, 1, 0, 0),                   'EAFNOSUPPORT'],
  ['link: another hook',            (s) => link(s, 2, 5, 0),                   'EPROTO'],
  ['link: the first of all',        (s) => link(s, 2, 0, -0x80000000),         'ERANGE'],
  ['link: the last of all',         (s) => link(s, 2, 0, 0x7fffffff),          'ERANGE'],
  ['link: before fragments are put together', (s) => link(s, 2, 0, -400, 1),   'ERANGE'],
  ['link: the priority of another', (s) => { link(s, 2, 0, 5); return [outcome(() => link(s, 2, 0, 5)), outcome(() => link(s, 10, 0, 5)) !== 'EBUSY']; }, ['EBUSY', true]],
  ['link: unknown flags',           (s) => link(s, 2, 0, 0, 2),                'EOPNOTSUPP'],
  ['link: flags of links',          (s) => link(s, 2, 0, 0, 0, { flags: 1 }),  'EINVAL'],
  ['link: a target counts for nothing', (s) => link(s, 2, 0, 0, 0, { target_fd: 7 }) > 0, true],
  ['link: another program',         (s) => link(s, 2, 0, 0, 0, { prog_fd: s.prog() }), 'EINVAL'],
  ['link: another type of attaching', (s) => link(s, 2, 0, 0, 0, { attach_type: 0 }), 'EINVAL'],
  ['link: another program in its place', (s) => s.kernel.bpf('BPF_LINK_UPDATE', { link_fd: link(s, 2, 0, 0), new_prog_fd: load1(s) }), 'EOPNOTSUPP'],
  ['link: detached, twice', (s) => {
    const link_fd = link(s, 2, 0, 5);
    const detach = () => outcome(() => s.kernel.bpf('BPF_LINK_DETACH', { link_fd }));
    return [detach(), detach(), link(s, 2, 0, 5) > 0, s.info(link_fd, bpfLinkInfo)['netfilter.priority']];
  }, ['ok', 'ok', true, 5]],
  ['without a link',                (s) => s.kernel.bpf('BPF_PROG_ATTACH', { attach_bpf_fd: load1(s), attach_type: attachTypeNumber.netfilter }), 'EINVAL'],
  ['without a link, detached',      (s) => s.kernel.bpf('BPF_PROG_DETACH', { attach_bpf_fd: load1(s), attach_type: attachTypeNumber.netfilter }), 'EINVAL'],
  ['asked for',                     (s) => s.kernel.bpf('BPF_PROG_QUERY', { attach_type: attachTypeNumber.netfilter }), 'EINVAL'],
  ['run: a packet that is sent',    (s) => run(s, new Uint8Array(20)),         1],
  ['run: of no size',               (s) => run(s, new Uint8Array(19)),         'EINVAL'],
  ['run: too long',                 (s) => run(s, new Uint8Array(5000)),       'EINVAL'],
  ['run: nothing comes out', (s) => {
    const attr = { prog_fd: load1(s), data_in: new Uint8Array(20), data_size_in: 20, data_out: new Uint8Array(64), data_size_out: 64 };
    s.kernel.bpf('BPF_PROG_TEST_RUN', attr);
    return attr.data_size_out;
  }, 0],
  ['run: sent, as it says',         (s) => run(s, new Uint8Array(20), [3, 2]), 1],
  ['run: that comes',               (s) => run(s, frame('ip', 20), [1, 2]),    1],
  ['run: forwarded',                (s) => run(s, frame('ip', 20), [2, 2]),    1],
  ['run: that comes, cut',          (s) => run(s, frame('ip', 19), [1, 2]),    'EINVAL'],
  ['run: that comes, of no family', (s) => run(s, frame('arp', 28), [1, 2]),   'EPROTO'],
  ['run: of IPv6',                  (s) => run(s, frame('ip6', 40), [0, 10]),  1],
  ['run: of IPv6, cut',             (s) => run(s, frame('ip6', 39), [0, 10]),  'EINVAL'],
  ['run: of the other family',      (s) => run(s, frame('ip', 40), [0, 10]),   'EINVAL'],
  ['run: of no such family',        (s) => run(s, frame('ip', 40), [0, 3]),    'EINVAL'],
  ['run: of no such hook',          (s) => run(s, frame('ip', 40), [6, 2]),    1],
  ['run: a device',                 (s) => run(s, frame('ip', 40), [0, 2, 0, 0, 0, 0, 0, 0, 1]), 'EINVAL'],
  ['run: more of a state',          (s) => run(s, frame('ip', 40), [0, 2, ...new Uint8Array(50)]), 1],
  ['run: too much of a state',      (s) => run(s, frame('ip', 40), [0, 2, ...new Uint8Array(50), 1]), 'E2BIG'],
  ['run: flags',                    (s) => run(s, new Uint8Array(20), undefined, { flags: 1 }), 'EINVAL'],
  ['run: a CPU',                    (s) => run(s, new Uint8Array(20), undefined, { cpu: 1 }), 'EINVAL'],
  ['run: three times',              (s) => run(s, new Uint8Array(20), undefined, { repeat: 3 }), 1],
];
