import { AF_INET6, parseAddress } from '../../src/engine/embedded/inet/address.ts';
import { SysError } from '../../src/errors.ts';
import type { Insn } from '../../src/isa/index.ts';
import { findDevice } from '../../src/loader/devices.ts';
import { clsact, encodeFilter, encodeQdisc } from '../../src/net/index.ts';
import { attachTypeNumber, mapTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import { bpfSock } from '../../src/uapi/contexts.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import * as N from '../../src/uapi/netlink.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { ask, type BenchSocket, type Side } from './net-bench.ts';
import { u32 } from './session.ts';
import { SocketBench } from './sockets.ts';

type Insns = readonly (Partial<Insn> | readonly Partial<Insn>[])[];
const ADD = N.NLM_F_CREATE | N.NLM_F_EXCL;
const at = (address: string, port: number) => ({ address, port });
const text = (words: string) => new TextEncoder().encode(words);
const got = (socket: BenchSocket) => {
  const received = socket.receive();
  return received && new TextDecoder().decode(received.data);
};
/** A register that was compared with 0 and is: two instructions further. */
const ifNull = (register: number) => [{ opcode: 0x55, dst: register, off: 2 }, I.mov(0, 0), I.exit];

/** The namespaces of {@link SocketBench}, and programs in `b`. */
export class ProgramBench extends SocketBench {
  readonly #fds: [Side, Fd][] = [];

  prog(type: ProgType, insns: Insns, attach = 0, side: Side = 'b'): Fd {
    const code = bytecode(...insns);
    const attr = {
      prog_type: progTypeNumber[type],
      insns: code,
      insn_cnt: code.length / 8,
      license: 'GPL',
      expected_attach_type: attach,
    };
    return this.own(this.bench.kernel(side).bpf('BPF_PROG_LOAD', attr), side);
  }
  map(type: keyof typeof mapTypeNumber, value_size: number, side: Side = 'b', max_entries = 4): Fd {
    return this.own(
      this.bench
        .kernel(side)
        .bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber[type], key_size: 4, value_size, max_entries }),
      side,
    );
  }
  own(fd: Fd, side: Side): Fd {
    this.#fds.push([side, fd]);
    return fd;
  }
  put(map_fd: Fd, key: number, socket: BenchSocket, flags = 0n): void {
    const value = new Uint8Array(8);
    new DataView(value.buffer).setUint32(0, socket.fd, true);
    this.bench.kernel('b').bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: u32(key), value, flags });
  }
  get(map_fd: Fd, size: number, key = 0): Uint8Array {
    const value = new Uint8Array(size);
    this.bench.kernel('b').bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: u32(key), value });
    return value;
  }
  link(
    prog_fd: Fd,
    target_fd = this.bench.netns('b', 'b'),
    attach: 'sk_lookup' | 'flow_dissector' = 'sk_lookup',
    flags = 0,
  ): Fd {
    return this.own(
      this.bench
        .kernel('b')
        .bpf('BPF_LINK_CREATE', { prog_fd, target_fd, attach_type: attachTypeNumber[attach], flags }),
      'b',
    );
  }
  /** A program that assigns the socket of a map's entry to the lookups of a port, and what it then returns. */
  assigning(map: Fd, port: number, verdict = 1, flags = 0): Fd {
    const rest = [
      I.storeImm(4, 10, -4, 0),
      I.mapFd(1, map),
      I.movReg(2, 10),
      I.add(2, -4),
      I.call(1),
      ...ifNull(0),
      I.movReg(7, 0),
      I.movReg(1, 6),
      I.movReg(2, 7),
      I.mov(3, flags),
      I.call(124),
      I.movReg(1, 7),
      I.call(86),
      I.mov(0, verdict),
      I.exit,
    ];
    return this.prog(
      'sk_lookup',
      [I.movReg(6, 1), I.load(4, 2, 1, 60), I.jeq(2, port, 2), I.mov(0, 1), I.exit, ...rest],
      attachTypeNumber.sk_lookup,
    );
  }
  /** bpf_sk_lookup_tcp (84), bpf_sk_lookup_udp (85) or bpf_skc_lookup_tcp (99) in `b`: some of the struct bpf_sock. */
  lookup(
    helper: number,
    from: readonly [string, number],
    to: readonly [string, number],
    netns = -1,
  ): string | undefined {
    const out = this.map('array', 96, 'b', 1);
    const addresses = [from[0], to[0]].map((address) => parseAddress(address) ?? new Uint8Array(0));
    const tuple = Uint8Array.of(
      ...(addresses[0] ?? []),
      ...(addresses[1] ?? []),
      from[1] >> 8,
      from[1] & 255,
      to[1] >> 8,
      to[1] & 255,
    );
    const words = Array.from({ length: tuple.length / 4 }, (_, i) => new DataView(tuple.buffer).getInt32(4 * i, true));
    // Each word of the struct that programs may read with four bytes.
    const fields = [0, 4, 8, 12, 24, 28, 32, 36, 40, 44, 52, 56, 60, 64, 68, 72];
    const prog = this.prog('sched_cls', [
      ...words.map((word, i) => I.storeImm(4, 10, -40 + 4 * i, word)),
      I.movReg(2, 10),
      I.add(2, -40),
      I.mov(3, tuple.length),
      I.mov(4, netns),
      I.mov(5, 0),
      I.call(helper),
      ...ifNull(0),
      I.movReg(6, 0),
      I.mapValue(7, out, 0),
      I.storeImm(4, 7, 92, 1),
      ...(helper === 99 ? [] : fields.flatMap((field) => [I.load(4, 1, 6, field), I.store(4, 7, field, 1)])),
      ...(helper === 99 ? [] : [I.load(2, 1, 6, 48), I.store(2, 7, 48, 1)]),
      I.movReg(1, 6),
      I.call(86),
      I.mov(0, 0),
      I.exit,
    ]);
    this.run(prog);
    const value = this.get(out, 96);
    if (value[92] !== 1) return undefined;
    const sock = bpfSock.decode(value);
    const word = (n: number) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24].join('.');
    const ends = sock.family === AF_INET6 ? 'six' : `${word(sock.src_ip4)} ${word(sock.dst_ip4)}`;
    return `family ${sock.family} type ${sock.type} proto ${sock.protocol} ${ends} port ${sock.src_port} ${sock.dst_port === 0 ? 'any' : 'peer'} state ${sock.state}`;
  }
  run(prog_fd: Fd): void {
    const data_in = new Uint8Array(64);
    this.bench.kernel('b').bpf('BPF_PROG_TEST_RUN', {
      prog_fd,
      data_in,
      data_size_in: 64,
      data_out: new Uint8Array(256),
      data_size_out: 256,
    });
  }
  /** What bpf_get_socket_cookie and bpf_get_socket_uid say of UDP packets at a device's hook, while `call` sends some. */
  owners(
    side: Side,
    device: string,
    direction: 'ingress' | 'egress',
    call: () => void,
  ): readonly [cookie: number, uid: number] {
    const kernel = this.bench.kernel(side);
    const out = this.map('array', 16, side, 1);
    const fd = this.prog(
      'sched_cls',
      [
        I.load(4, 2, 1, 16),
        I.jeq(2, 8, 2),
        I.mov(0, -1),
        I.exit,
        I.movReg(6, 1),
        I.call(46),
        I.mapValue(7, out, 0),
        I.store(8, 7, 0, 0),
        I.movReg(1, 6),
        I.call(47),
        I.store(8, 7, 8, 0),
        I.mov(0, -1),
        I.exit,
      ],
      0,
      side,
    );
    const { ifindex } = findDevice(kernel, device);
    ask(this.bench, side, N.RTM_NEWQDISC, ADD, encodeQdisc(clsact(ifindex)));
    const parent = direction === 'ingress' ? N.TC_H_CLSACT_INGRESS : N.TC_H_CLSACT_EGRESS;
    const filter = {
      ifindex,
      parent,
      handle: 1,
      priority: 1,
      protocol: 3,
      kind: 'bpf',
      bpf: { fd, name: 't', flags: 1 },
    };
    ask(this.bench, side, N.RTM_NEWTFILTER, ADD, encodeFilter(filter));
    call();
    ask(this.bench, side, N.RTM_DELQDISC, 0, encodeQdisc(clsact(ifindex)));
    const value = new Uint8Array(16);
    kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: out, key: u32(0), value });
    const view = new DataView(value.buffer);
    return [Number(view.getBigUint64(0, true)), view.getUint32(8, true)];
  }

  override end(): void {
    super.end();
    for (const [side, fd] of this.#fds.splice(0)) {
      try {
        this.bench.kernel(side).close(fd);
      } catch {
        // closed by the test
      }
    }
  }
}

const errno = (call: () => unknown): unknown => {
  try {
    return call() ?? 'ok';
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
};
const ret = (n: number): Insns => [I.mov(0, n), I.exit];

// biome-ignore format: one scenario a row
export const socketProgramRows: readonly (readonly [name: string, run: (b: ProgramBench) => unknown, want: unknown])[] = [
  ['filter: lets all through', (b) => filtered(b, ret(-1)), 'hello'],
  ['filter: lets nothing through', (b) => filtered(b, ret(0)), undefined],
  ['filter: cuts off', (b) => filtered(b, ret(10)), 'he'],
  ['filter: leaves the header', (b) => filtered(b, ret(3)), ''],
  ['filter: starts at the UDP header', (b) => filtered(b, [I.movReg(6, 1), { opcode: 0x28, imm: 2 }, I.jeq(0, 53, 1), I.mov(0, 0), I.exit]), 'hello'.slice(0, 53)],
  ['filter: a program of another type', (b) => errno(() => b.udp('b').attach('filter', b.prog('xdp', ret(2)))), 'EINVAL'],
  ['filter: an fd of nothing', (b) => errno(() => b.udp('b').attach('filter', 999)), 'EBADF'],
  ['filter: of a TCP socket drops data', (b) => { const l = b.listen('b', at('10.0.0.2', 81)); const c = b.tcp('a'); c.connect(at('10.0.0.2', 81)); const s = b.accept(l); s.attach('filter', b.prog('socket_filter', ret(0))); c.send(text('lost')); return got(s); }, undefined],

  ['lookup: who listens', (b) => { b.listen('b', at('10.0.0.2', 80)); return b.lookup(84, ['10.0.0.1', 5], ['10.0.0.2', 80]); }, 'family 2 type 1 proto 6 10.0.0.2 0.0.0.0 port 80 any state 10'],
  ['lookup: at any address', (b) => { b.listen('b', at('0.0.0.0', 80)); return b.lookup(84, ['10.0.0.1', 5], ['10.0.0.2', 80]); }, 'family 2 type 1 proto 6 0.0.0.0 0.0.0.0 port 80 any state 10'],
  ['lookup: nobody', (b) => [b.lookup(84, ['10.0.0.1', 5], ['10.0.0.2', 80]), b.lookup(85, ['10.0.0.1', 5], ['10.0.0.2', 80])], [undefined, undefined]],
  ['lookup: a connection', (b) => { const [c] = b.pair(); return b.lookup(84, ['10.0.0.1', c.name.port], ['10.0.0.2', 80]); }, 'family 2 type 1 proto 6 10.0.0.2 10.0.0.1 port 80 peer state 1'],
  ['lookup: UDP', (b) => { b.udp('b', at('10.0.0.2', 53)); return b.lookup(85, ['10.0.0.1', 5], ['10.0.0.2', 53]); }, 'family 2 type 2 proto 17 10.0.0.2 0.0.0.0 port 53 any state 7'],
  ['lookup: UDP that is connected', (b) => { b.udp('b', at('10.0.0.2', 53)).connect(at('10.0.0.1', 5)); return [b.lookup(85, ['10.0.0.1', 5], ['10.0.0.2', 53]), b.lookup(85, ['10.0.0.1', 6], ['10.0.0.2', 53])]; }, ['family 2 type 2 proto 17 10.0.0.2 10.0.0.1 port 53 peer state 1', undefined]],
  ['lookup: IPv6', (b) => { b.listen('b', at('fd00::2', 80), undefined, 'inet6'); return b.lookup(84, ['fd00::1', 5], ['fd00::2', 80]); }, 'family 10 type 1 proto 6 six port 80 any state 10'],
  ['lookup: in a namespace that has no such number', (b) => { b.listen('b', at('10.0.0.2', 80)); return b.lookup(84, ['10.0.0.1', 5], ['10.0.0.2', 80], 77); }, undefined],
  ['lookup: in another namespace', (b) => { b.listen('a', at('10.0.0.1', 80)); return b.lookup(84, ['10.0.0.2', 5], ['10.0.0.1', 80], 0); }, 'family 2 type 1 proto 6 10.0.0.1 0.0.0.0 port 80 any state 10'],
  ['lookup: also what is no full socket', (b) => { b.listen('b', at('10.0.0.2', 80)); return b.lookup(99, ['10.0.0.1', 5], ['10.0.0.2', 80]) === undefined; }, false],

  ['cookie: on the way out', (b) => { const c = b.udp('a'); return b.owners('a', 'v0', 'egress', () => c.send(text('x'), at('10.0.0.2', 9))).map((n, i) => (i === 0 ? n === c.cookie : n)); }, [true, 0]],
  ['cookie: still known at the other end', (b) => { const c = b.udp('a'); return b.owners('b', 'v1', 'ingress', () => c.send(text('x'), at('10.0.0.2', 9))).map((n, i) => (i === 0 ? n === c.cookie : n)); }, [true, 0]],

  ['sk_lookup: gives a port to a socket of another', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const map = b.map('sockmap', 8); b.put(map, 0, s); b.link(b.assigning(map, 99)); b.udp('a').send(text('hi'), at('10.0.0.2', 99)); return got(s); }, 'hi'],
  ['sk_lookup: for TCP', (b) => { const l = b.listen('b', at('127.0.0.1', 80)); const map = b.map('sockmap', 8); b.put(map, 0, l); b.link(b.assigning(map, 99)); const c = b.tcp('a'); c.connect(at('10.0.0.2', 99)); c.send(text('hi')); return got(b.accept(l)); }, 'hi'],
  ['sk_lookup: a socket of the wrong kind is not taken', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const map = b.map('sockmap', 8); b.put(map, 0, s); b.link(b.assigning(map, 99)); return errno(() => b.tcp('a').connect(at('10.0.0.2', 99))); }, 'ECONNREFUSED'],
  ['sk_lookup: drops', (b) => { b.listen('b', at('10.0.0.2', 80)); b.link(b.prog('sk_lookup', ret(0), attachTypeNumber.sk_lookup)); return errno(() => b.tcp('a').connect(at('10.0.0.2', 80))); }, 'ECONNREFUSED'],
  ['sk_lookup: passes', (b) => { b.listen('b', at('10.0.0.2', 80)); b.link(b.prog('sk_lookup', ret(1), attachTypeNumber.sk_lookup)); return errno(() => b.tcp('a').connect(at('10.0.0.2', 80))); }, 'ok'],
  ['sk_lookup: one drops, the other has chosen', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const map = b.map('sockmap', 8); b.put(map, 0, s); b.link(b.assigning(map, 99)); b.link(b.prog('sk_lookup', ret(0), attachTypeNumber.sk_lookup)); b.udp('a').send(text('hi'), at('10.0.0.2', 99)); return got(s); }, 'hi'],
  ['sk_lookup: a connection is not looked up', (b) => { const [c, s] = b.pair(); b.link(b.prog('sk_lookup', ret(0), attachTypeNumber.sk_lookup)); c.send(text('hi')); return got(s); }, 'hi'],
  ['sk_lookup: no longer once the link is gone', (b) => { b.listen('b', at('10.0.0.2', 80)); const link = b.link(b.prog('sk_lookup', ret(0), attachTypeNumber.sk_lookup)); b.bench.kernel('b').bpf('BPF_LINK_DETACH', { link_fd: link }); return errno(() => b.tcp('a').connect(at('10.0.0.2', 80))); }, 'ok'],
  ['netns link: an fd of no namespace', (b) => { const map = b.map('array', 8); return errno(() => b.link(b.prog('sk_lookup', ret(1), attachTypeNumber.sk_lookup), map)); }, 'EINVAL'],
  ['netns link: an fd of nothing', (b) => errno(() => b.link(b.prog('sk_lookup', ret(1), attachTypeNumber.sk_lookup), 999)), 'EBADF'],
  ['netns link: a program of another type', (b) => errno(() => b.link(b.prog('flow_dissector', ret(0)))), 'EINVAL'],
  ['netns link: flags', (b) => errno(() => b.link(b.prog('sk_lookup', ret(1), attachTypeNumber.sk_lookup), undefined, 'sk_lookup', 1)), 'EINVAL'],
  ['netns link: one flow dissector', (b) => { b.link(b.prog('flow_dissector', ret(0)), undefined, 'flow_dissector'); return errno(() => b.link(b.prog('flow_dissector', ret(0)), undefined, 'flow_dissector')); }, 'E2BIG'],
  ['netns link: a flow dissector without a link beside it', (b) => { b.link(b.prog('flow_dissector', ret(0)), undefined, 'flow_dissector'); return dissector(b, 'ATTACH', b.prog('flow_dissector', ret(0))); }, 'EEXIST'],
  ['flow dissector: attached, again, queried, taken away, again', (b) => { const prog = b.prog('flow_dissector', ret(0)); return [dissector(b, 'ATTACH', prog), dissector(b, 'ATTACH', prog), query(b), dissector(b, 'DETACH', prog), dissector(b, 'DETACH', prog), query(b)]; }, ['ok', 'EINVAL', 1, 'ok', 'ENOENT', 0]],

  ['sockmap: what is not bound is refused', (b) => errno(() => b.put(b.map('sockmap', 8), 0, b.tcp('b'))), 'EOPNOTSUPP'],
  ['sockmap: an fd of something else', (b) => { const map = b.map('sockmap', 8); return errno(() => b.put(map, 0, { fd: map } as unknown as BenchSocket)); }, 'ENOTSOCK'],
  ['sockmap: the cookie is read', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const map = b.map('sockmap', 8); b.put(map, 1, s); return Number(new DataView(b.get(map, 8, 1).buffer).getBigUint64(0, true)) === s.cookie; }, true],
  ['sockmap: beyond the end', (b) => errno(() => b.put(b.map('sockmap', 8), 4, b.udp('b', at('10.0.0.2', 53)))), 'E2BIG'],
  ['sockmap: only if it is new', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const map = b.map('sockmap', 8); b.put(map, 0, s); return [errno(() => b.put(map, 0, s, 1n)), errno(() => b.put(map, 1, s, 2n))]; }, ['EEXIST', 'ENOENT']],
  ['sockmap: a socket that is closed leaves', (b) => { const s = b.udp('b', at('10.0.0.2', 53)); const map = b.map('sockmap', 8); b.put(map, 0, s); s.close(); return errno(() => b.get(map, 8)); }, 'ENOENT'],

  ['reuseport: a program chooses', (b) => shared(b, (map) => selecting(map, 1)), [undefined, 'hi']],
  ['reuseport: a filter says which', (b) => shared(b, () => ret(1), 'socket_filter'), [undefined, 'hi']],
  ['reuseport: a filter counts from 0', (b) => shared(b, () => ret(0), 'socket_filter'), ['hi', undefined]],
  ['reuseport: drops', (b) => shared(b, () => ret(0)), [undefined, undefined]],
  ['reuseport: of a socket alone', (b) => errno(() => b.udp('b', at('10.0.0.2', 53)).attach('reuseport', b.prog('socket_filter', ret(0)))), 'EINVAL'],
  ['reuseport: an array takes a socket once', (b) => { const s = b.udp('b'); s.set('reusePort', 1); s.bind(at('10.0.0.2', 53)); const map = b.map('reuseport_sockarray', 8); b.put(map, 0, s); return [errno(() => b.put(map, 1, s)), errno(() => b.put(map, 0, s)), errno(() => b.put(b.map('reuseport_sockarray', 8), 0, s))]; }, ['EBUSY', 'EBUSY', 'EBUSY']],
  ['reuseport: an array takes only who shares', (b) => { const map = b.map('reuseport_sockarray', 8); return errno(() => b.put(map, 0, b.udp('b', at('10.0.0.2', 53)))); }, 'EINVAL'],
];

/** What of `hello` a UDP socket with a filter gets. */
function filtered(b: ProgramBench, insns: Insns): string | undefined {
  const socket = b.udp('b', at('10.0.0.2', 53));
  socket.attach('filter', b.prog('socket_filter', insns));
  b.udp('a').send(text('hello'), at('10.0.0.2', 53));
  return got(socket);
}

/** What two sockets that share a port get of one datagram. */
function shared(
  b: ProgramBench,
  insns: (map: Fd) => Insns,
  type: 'sk_reuseport' | 'socket_filter' = 'sk_reuseport',
): (string | undefined)[] {
  const sockets = [0, 1].map(() => {
    const socket = b.udp('b');
    socket.set('reusePort', 1);
    socket.bind(at('10.0.0.2', 53));
    return socket;
  });
  const map = b.map('reuseport_sockarray', 8);
  for (const [i, socket] of sockets.entries()) b.put(map, i, socket);
  sockets[0]?.attach('reuseport', b.prog(type, insns(map)));
  b.udp('a').send(text('hi'), at('10.0.0.2', 53));
  return sockets.map(got);
}
function selecting(map: Fd, key: number): Insns {
  return [
    I.storeImm(4, 10, -4, key),
    I.mapFd(2, map),
    I.movReg(3, 10),
    I.add(3, -4),
    I.mov(4, 0),
    I.call(82),
    I.mov(0, 1),
    I.exit,
  ];
}

function dissector(b: ProgramBench, what: 'ATTACH' | 'DETACH', prog: Fd): unknown {
  const attr = { attach_bpf_fd: prog, attach_type: attachTypeNumber.flow_dissector };
  return errno(() => b.bench.kernel('b').bpf(`BPF_PROG_${what}`, attr));
}
function query(b: ProgramBench): unknown {
  const attr = { target_fd: b.bench.netns('b', 'b'), attach_type: attachTypeNumber.flow_dissector, count: 0 };
  return errno(() => b.bench.kernel('b').bpf('BPF_PROG_QUERY', attr)) === 'ok' ? attr.count : 'refused';
}
