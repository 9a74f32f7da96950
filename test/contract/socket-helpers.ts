import { expect } from 'vitest';
import type { Insn } from '../../src/isa/index.ts';
import { findCgroups } from '../../src/loader/cgroups.ts';
import { type AttachType, attachTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { CgroupTree } from './cgroup-bench.ts';
import type { CgroupBench } from './cgroup-programs.ts';
import type { BenchSocket } from './net-bench.ts';
import { outcome, Session } from './session.ts';

type Insns = readonly (Partial<Insn> | readonly Partial<Insn>[])[];
const [SETSOCKOPT, GETSOCKOPT, BIND] = [49, 57, 64];
const [SOL_SOCKET, IPPROTO_IP, SO_PRIORITY, SO_MARK, SO_REUSEPORT, SO_BROADCAST] = [1, 0, 12, 36, 15, 6];
const AF_INET = 2;
const TYPES: Readonly<Partial<Record<AttachType, ProgType>>> = {
  cgroup_inet4_connect: 'cgroup_sock_addr',
  cgroup_inet6_connect: 'cgroup_sock_addr',
  cgroup_sock_ops: 'sock_ops',
  cgroup_getsockopt: 'cgroup_sockopt',
  cgroup_setsockopt: 'cgroup_sockopt',
  cgroup_inet6_post_bind: 'cgroup_sock',
  cgroup_inet_sock_release: 'cgroup_sock',
};
const local = (port: number, address = '127.0.0.1') => ({ address, port });

/** A process in a cgroup, one program there, and eight numbers that it leaves. */
export class Stage implements Disposable {
  readonly #bench: CgroupBench;
  readonly #home: string;
  readonly #s: Session;
  readonly #tree: CgroupTree;
  readonly #sockets: BenchSocket[] = [];

  constructor(bench: CgroupBench) {
    this.#bench = bench;
    this.#s = new Session(bench.kernel);
    this.#home = findCgroups(bench.kernel);
    this.#tree = new CgroupTree(this.#s);
    this.#tree.make('low');
    bench.driver.enter(this.#tree.path('low'));
  }

  socket(type: 'tcp' | 'udp', family?: 'inet6'): BenchSocket {
    const socket = this.#bench.net.socket('a', type, family);
    this.#sockets.push(socket);
    return socket;
  }

  /** What `act` answers while a program is attached, and the first `count` numbers that the program has left: it has its context in r6, and r7 leads to them. */
  run(place: AttachType, insns: Insns, count: number, act: (stage: Stage) => unknown): unknown[] {
    const s = this.#s;
    const told = s.map('array', { value_size: 64, max_entries: 1 });
    const code = bytecode(I.movReg(6, 1), I.mapValue(7, told, 0), ...insns);
    const prog = s.prog({
      prog_type: progTypeNumber[TYPES[place] ?? 'unspec'],
      expected_attach_type: place === 'cgroup_sock_ops' ? 0 : attachTypeNumber[place],
      insns: code,
      insn_cnt: code.length / 8,
    });
    const target_fd = this.#tree.open('low');
    s.kernel.bpf('BPF_PROG_ATTACH', { target_fd, attach_bpf_fd: prog, attach_type: attachTypeNumber[place] });
    const answer = outcome(() => act(this));
    const value = new Uint8Array(64);
    s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: told, key: new Uint8Array(4), value });
    return [answer, ...[...new BigInt64Array(value.buffer)].slice(0, count).map(Number)];
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) outcome(() => socket.close());
    this.#bench.driver.enter(this.#home);
    this.#tree[Symbol.dispose]();
    this.#s[Symbol.dispose]();
  }
}

/** Sets an option of what r6 is to a number of `size` bytes and reads it back: three numbers from `at` on. */
export const option = (level: number, name: number, value: number, size = 4, at = 0): Insns => [
  I.storeImm(8, 10, -8, value),
  I.movReg(1, 6),
  I.mov(2, level),
  I.mov(3, name),
  I.movReg(4, 10),
  I.add(4, -8),
  I.mov(5, size),
  I.call(SETSOCKOPT),
  I.store(8, 7, 8 * at, 0),
  I.storeImm(8, 10, -8, 0x77),
  I.movReg(1, 6),
  I.mov(2, level),
  I.mov(3, name),
  I.movReg(4, 10),
  I.add(4, -8),
  I.mov(5, size),
  I.call(GETSOCKOPT),
  I.store(8, 7, 8 * at + 8, 0),
  I.load(4, 1, 10, -8),
  I.store(8, 7, 8 * at + 16, 1),
];
export const pass: Insns = [I.mov(0, 1), I.exit];
/** The address that a socket is bound to before it connects, as a struct sockaddr_in. */
const bind = (family: number, address: number, port: number, size = 16): Insns => [
  I.storeImm(8, 10, -16, 0),
  I.storeImm(8, 10, -8, 0),
  I.storeImm(2, 10, -16, family),
  I.storeImm(2, 10, -14, ((port & 255) << 8) | (port >> 8)),
  I.storeImm(4, 10, -12, address),
  I.movReg(1, 6),
  I.movReg(2, 10),
  I.add(2, -16),
  I.mov(3, size),
  I.call(BIND),
  I.store(8, 7, 0, 0),
];
const connecting = (stage: Stage): number => {
  const socket = stage.socket('udp');
  socket.connect(local(9));
  return new DataView(socket.getsockopt(SOL_SOCKET, SO_PRIORITY, new Uint8Array(4)).buffer).getInt32(0, true);
};
const named = (stage: Stage): unknown => {
  const socket = stage.socket('udp');
  socket.connect(local(9));
  const { address, port } = socket.name;
  return `${address} ${port >= 32768 ? 'any' : port}`;
};
const connected = (stage: Stage): void => {
  const [server, client] = [stage.socket('tcp'), stage.socket('tcp')];
  server.bind(local(4071));
  server.listen();
  client.connect(local(4071));
};
/** For sock_ops: goes on only when a connection of its own stands. */
const established: Insns = [I.load(4, 1, 6, 0), I.jeq(1, 4, 2), I.mov(0, 1), I.exit];
/** What happens at the end of a connection that has this port, or the other one: op by op, four bits each; and whether it was a whole socket, a bit each. */
const recorded = (port: number, own = false): Insns => [
  I.load(4, 1, 6, 68),
  ...(own ? [I.jeq(1, port, 2)] : [{ opcode: 0x55, dst: 1, imm: port, off: 2 }]),
  I.mov(0, 1),
  I.exit,
  I.load(8, 1, 7, 0),
  { opcode: 0x67, dst: 1, imm: 4 },
  I.load(4, 2, 6, 0),
  { opcode: 0x0f, dst: 1, src: 2 },
  I.store(8, 7, 0, 1),
  I.load(8, 1, 7, 8),
  { opcode: 0x67, dst: 1, imm: 1 },
  I.load(4, 2, 6, 72),
  { opcode: 0x0f, dst: 1, src: 2 },
  I.store(8, 7, 8, 1),
];
const LOOPBACK = 0x0100007f;

type Row = readonly [name: string, run: (stage: Stage) => unknown, want: unknown];
// biome-ignore format: aligned table
export const socketHelperRows: readonly Row[] = [
  ['setsockopt: connect',             (t) => t.run('cgroup_inet4_connect', [...option(SOL_SOCKET, SO_PRIORITY, 5), ...pass], 3, connecting), [5, 0, 0, 5]],
  ['setsockopt: a mark',              (t) => t.run('cgroup_inet4_connect', [...option(SOL_SOCKET, SO_MARK, 5), ...pass], 3, connecting), [0, 0, 0, 5]],
  ['setsockopt: a flag',              (t) => t.run('cgroup_inet4_connect', [...option(SOL_SOCKET, SO_REUSEPORT, 5), ...pass], 3, connecting), [0, 0, 0, 1]],
  ['setsockopt: too short',           (t) => t.run('cgroup_inet4_connect', [...option(SOL_SOCKET, SO_PRIORITY, 5, 2), ...pass], 3, connecting), [0, -22, -22, 0]],
  ['setsockopt: too long',            (t) => t.run('cgroup_inet4_connect', [...option(SOL_SOCKET, SO_PRIORITY, 5, 8), ...pass], 3, connecting), [0, -22, -22, 0]],
  ['setsockopt: not for programs',    (t) => t.run('cgroup_inet4_connect', [...option(SOL_SOCKET, SO_BROADCAST, 1), ...pass], 3, connecting), [0, -22, -22, 0]],
  ['setsockopt: of no kernel',        (t) => t.run('cgroup_inet4_connect', [...option(SOL_SOCKET, 1000, 1), ...pass], 3, connecting), [0, -22, -22, 0]],
  ['setsockopt: of another level',    (t) => t.run('cgroup_inet4_connect', [...option(77, 1, 1), ...pass], 3, connecting), [0, -22, -22, 0]],
  ['setsockopt: IP',                  (t) => t.run('cgroup_inet4_connect', [...option(IPPROTO_IP, 2, 1), ...pass], 3, connecting), [0, -22, -22, 0]],
  ['setsockopt: a type of service',   (t) => t.run('cgroup_inet4_connect', [...option(IPPROTO_IP, 1, 16), ...pass], 3, connecting), [6, 0, 0, 16]],
  ['setsockopt: of no congestion control', (t) => t.run('cgroup_inet4_connect', [...option(6, 13, 0x6c6c6568), ...pass], 2, (stage) => stage.socket('tcp').connect(local(9))), ['ECONNREFUSED', -2, 0]],
  ['setsockopt: of TCP, of UDP',      (t) => t.run('cgroup_inet4_connect', [...option(6, 1, 1), ...pass], 3, connecting), [0, -22, -22, 0]],
  ['setsockopt: refused afterwards',  (t) => t.run('cgroup_inet4_connect', [...option(SOL_SOCKET, SO_PRIORITY, 5), I.mov(0, 0), I.exit], 3, connecting), ['EPERM', 0, 0, 5]],
  ['setsockopt: sock_ops',            (t) => t.run('cgroup_sock_ops', [...established, ...option(SOL_SOCKET, SO_PRIORITY, 4), ...pass], 3, connected), ['ok', 0, 0, 4]],
  ['setsockopt: in a getsockopt',     (t) => t.run('cgroup_getsockopt', [I.load(8, 6, 6, 0), ...option(SOL_SOCKET, SO_PRIORITY, 4), ...pass], 3, connecting), 'EINVAL'],
  ['setsockopt: in a setsockopt',     (t) => t.run('cgroup_setsockopt', [I.load(8, 6, 6, 0), ...option(SOL_SOCKET, SO_MARK, 4), ...pass], 3, (stage) => stage.socket('udp').setsockopt(SOL_SOCKET, SO_PRIORITY, Uint8Array.of(1, 0, 0, 0))), ['ok', 0, 0, 4]],
  ['sock_ops: of a client',           (t) => t.run('cgroup_sock_ops', [...recorded(4071), ...pass], 2, connected), ['ok', 0x32164, 0b11111]],
  ['sock_ops: of a server',           (t) => t.run('cgroup_sock_ops', [...recorded(4071, true), ...pass], 2, connected), ['ok', 0xb2165, 0b10001]],
  ['sock_ops: with a reply of 20',    (t) => t.run('cgroup_sock_ops', [...recorded(4071), I.storeImm(4, 6, 4, 20), ...pass], 2, connected), ['ok', 0x32164, 0b11111]],
  ['sock_ops: with a reply of 20, of a server', (t) => t.run('cgroup_sock_ops', [...recorded(4071, true), I.storeImm(4, 6, 4, 20), ...pass], 2, connected), ['ok', 0xb2165, 0b10001]],
  ['bind: an address and a port',     (t) => t.run('cgroup_inet4_connect', [...bind(AF_INET, LOOPBACK, 4072), ...pass], 1, named), ['127.0.0.1 4072', 0]],
  ['bind: an address alone',          (t) => t.run('cgroup_inet4_connect', [...bind(AF_INET, LOOPBACK + 0x1000000, 0), ...pass], 1, named), ['127.0.0.2 any', 0]],
  ['bind: what is not here',          (t) => t.run('cgroup_inet4_connect', [...bind(AF_INET, 0x01010101, 0), ...pass], 1, named), ['127.0.0.1 any', -99]],
  ['bind: no family',                 (t) => t.run('cgroup_inet4_connect', [...bind(77, LOOPBACK, 0), ...pass], 1, named), ['127.0.0.1 any', -97]],
  ['bind: of the other family',       (t) => t.run('cgroup_inet4_connect', [...bind(10, LOOPBACK, 0), ...pass], 1, named), ['127.0.0.1 any', -22]],
  ['bind: too short',                 (t) => t.run('cgroup_inet4_connect', [...bind(AF_INET, LOOPBACK, 0, 8), ...pass], 1, named), ['127.0.0.1 any', -22]],
  ['bind: too short for a family',    (t) => t.run('cgroup_inet4_connect', [...bind(AF_INET, LOOPBACK, 0, 1), ...pass], 1, named), ['127.0.0.1 any', -22]],
  ['bind: a port that is taken',      (t) => t.run('cgroup_inet4_connect', [...bind(AF_INET, LOOPBACK, 4073), ...pass], 1, (stage) => { stage.socket('udp').bind(local(4073)); return named(stage); }), ['127.0.0.1 any', -98]],
  ['bind: bound already',             (t) => t.run('cgroup_inet4_connect', [...bind(AF_INET, LOOPBACK, 4074), ...pass], 1, (stage) => { const socket = stage.socket('udp'); socket.bind(local(4075)); socket.connect(local(9)); return socket.name.port; }), [4075, -22]],
  ['bind: of TCP',                    (t) => t.run('cgroup_inet4_connect', [...bind(AF_INET, LOOPBACK, 4076), ...pass], 1, (stage) => { const [server, socket] = [stage.socket('tcp'), stage.socket('tcp')]; server.bind(local(4077)); server.listen(); socket.connect(local(4077)); return socket.name.port; }), [4076, 0]],
  ['post_bind of IPv6',               (t) => t.run('cgroup_inet6_post_bind', [I.load(4, 1, 6, 44), I.store(8, 7, 0, 1), I.load(4, 2, 6, 4), I.store(8, 7, 8, 2), I.mov(0, 1), I.jeq(1, 4080, 1), I.mov(0, 0), I.exit], 2, (stage) => { const socket = stage.socket('udp', 'inet6'); socket.bind(local(4080, '::')); return socket.name.port; }), [4080, 4080, 10]],
  ['post_bind of IPv6, refused',      (t) => t.run('cgroup_inet6_post_bind', [I.mov(0, 0), I.exit], 0, (stage) => stage.socket('udp', 'inet6').bind(local(4081, '::'))), ['EPERM']],
  ['sock_release: a socket is closed', (t) => t.run('cgroup_inet_sock_release', [I.load(4, 1, 6, 4), I.store(8, 7, 0, 1), I.load(4, 1, 6, 8), I.store(8, 7, 8, 1), ...pass], 2, (stage) => { const socket = stage.socket('udp'); socket.bind(local(4078)); socket.close(); }), ['ok', 2, 2]],
  ['sock_release: it cannot refuse',  (t) => t.run('cgroup_inet_sock_release', [I.mov(0, 0), I.exit], 0, (stage) => stage.socket('udp').close()), ['ok']],
];

export function expectHelperRow(bench: CgroupBench, [, run, want]: Row): void {
  using stage = new Stage(bench);
  expect(outcome(() => run(stage))).toEqual(want);
}
