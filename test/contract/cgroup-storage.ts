import { expect } from 'vitest';
import { findCgroups } from '../../src/loader/cgroups.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { attachTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { BPF_F_ALLOW_MULTI } from '../../src/uapi/link.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { CgroupTree } from './cgroup-bench.ts';
import type { CgroupBench } from './cgroup-programs.ts';
import type { BenchSocket } from './net-bench.ts';
import { eventually, number, outcome, possibleCpus, Session } from './session.ts';
import { OWNED, storage, uses } from './storages.ts';

type Kind = 'cgroup_storage' | 'percpu_cgroup_storage';
type Place = 'cgroup_sock_ops' | 'cgroup_device' | 'cgroup_sysctl' | 'cgroup_inet_egress' | 'cgroup_inet_ingress';
const TYPES: Readonly<Record<Place, ProgType>> = {
  cgroup_sock_ops: 'sock_ops',
  cgroup_device: 'cgroup_device',
  cgroup_sysctl: 'cgroup_sysctl',
  cgroup_inet_egress: 'cgroup_skb',
  cgroup_inet_ingress: 'cgroup_skb',
};
const GET_LOCAL_STORAGE = 81;
/** Bytes of a struct bpf_cgroup_storage_key; 8: a cgroup's id alone. */
const KEY = 16;
const LOCK = 4n;

/** A process in the cgroup `low` below another, and programs that count in values of the cgroups that they are attached to. */
class Stage implements Disposable {
  readonly s: Session;
  readonly tree: CgroupTree;
  readonly #bench: CgroupBench;
  readonly #home: string;
  readonly #sockets: BenchSocket[] = [];

  constructor(bench: CgroupBench) {
    this.#bench = bench;
    this.s = new Session(bench.kernel);
    this.#home = findCgroups(bench.kernel);
    this.tree = new CgroupTree(this.s);
    this.tree.make('low');
    bench.driver.enter(this.tree.path('low'));
  }

  map(type: Kind = 'cgroup_storage', more: BpfAttr<'BPF_MAP_CREATE'> = {}): Fd {
    return this.s.map(type, { key_size: KEY, max_entries: 0, ...more });
  }
  /** A program that adds `step` to the value of a map, and returns `verdict`; it adds what that was to the values of `others`. */
  prog(place: Place, map: Fd, step = 1, ...others: readonly Fd[]): Fd {
    const add = (fd: Fd) => [
      I.mapFd(1, fd),
      I.mov(2, 0),
      I.call(GET_LOCAL_STORAGE),
      I.load(8, 1, 0, 0),
      I.add(1, step),
      I.store(8, 0, 0, 1),
    ];
    const insns = bytecode(...[map, ...others].flatMap(add), I.mov(0, 1), I.exit);
    return this.s.prog({
      prog_type: progTypeNumber[TYPES[place]],
      expected_attach_type:
        place === 'cgroup_inet_ingress' || place === 'cgroup_inet_egress' ? attachTypeNumber[place] : 0,
      insns,
      insn_cnt: insns.length / 8,
    });
  }
  attach(at: string, place: Place, prog: Fd, attach_flags = BPF_F_ALLOW_MULTI): void {
    const target_fd = this.tree.open(at);
    this.s.kernel.bpf('BPF_PROG_ATTACH', {
      target_fd,
      attach_bpf_fd: prog,
      attach_type: attachTypeNumber[place],
      attach_flags,
    });
  }
  detach(at: string, place: Place, prog: Fd): void {
    const target_fd = this.tree.open(at);
    this.s.kernel.bpf('BPF_PROG_DETACH', { target_fd, attach_bpf_fd: prog, attach_type: attachTypeNumber[place] });
  }
  link(at: string, place: Place, prog_fd: Fd): Fd {
    return this.s.own(
      this.s.kernel.bpf('BPF_LINK_CREATE', {
        target_fd: this.tree.open(at),
        prog_fd,
        attach_type: attachTypeNumber[place],
      }),
    );
  }
  /** What programs at cgroup_device are asked. */
  open(times = 1): void {
    for (let i = 0; i < times; i++) this.#bench.driver.open('null');
  }
  /** A connection of the process to itself. */
  connect(port: number): void {
    const { net } = this.#bench;
    const [server, client] = [net.socket('a', 'tcp'), net.socket('a', 'tcp')];
    this.#sockets.push(server, client);
    server.bind({ address: '127.0.0.1', port });
    server.listen();
    client.connect({ address: '127.0.0.1', port });
  }
  sysctl(): void {
    this.#bench.driver.readSysctl('vm/swappiness');
  }

  key(at: string, place: Place = 'cgroup_device', size = KEY): Uint8Array {
    const key = new Uint8Array(KEY);
    const view = new DataView(key.buffer);
    view.setBigUint64(0, this.tree.id(at), true);
    view.setUint32(8, attachTypeNumber[place], true);
    return key.subarray(0, size);
  }
  read(map_fd: Fd, key: Uint8Array, size = 8, flags = 0n): unknown {
    const value = new Uint8Array(size);
    return outcome(() => {
      this.s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key, value, flags });
      return size === 8
        ? number(value)
        : [...new BigInt64Array(value.buffer)].reduce((sum, one) => sum + Number(one), 0);
    });
  }
  write(map_fd: Fd, key: Uint8Array, amount: number, flags = 0n, size = 8): unknown {
    const value = new Uint8Array(size);
    new DataView(value.buffer).setBigInt64(0, BigInt(amount), true);
    return outcome(() => this.s.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key, value, flags }));
  }
  remove(map_fd: Fd, key: Uint8Array): unknown {
    return outcome(() => this.s.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key }));
  }
  /** Which of cgroups the key is that follows. */
  next(map_fd: Fd, key?: Uint8Array, size = KEY): unknown {
    const next_key = new Uint8Array(size);
    return outcome(() => {
      this.s.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd, key, next_key });
      const id = new DataView(next_key.buffer).getBigUint64(0, true);
      return id === this.tree.id('') ? 'top' : id === this.tree.id('low') ? 'low' : 'another';
    });
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
    this.#bench.driver.enter(this.#home);
    this.tree[Symbol.dispose]();
    this.s[Symbol.dispose]();
  }
}

type Row = readonly [name: string, run: (stage: Stage) => unknown, want: unknown];
const makes = (type: Kind, more: BpfAttr<'BPF_MAP_CREATE'>) => (t: Stage) => outcome(() => void t.map(type, more));
const loads = (t: Stage, place: Place, ...maps: [Fd, ...Fd[]]) =>
  outcome(() => void t.prog(place, maps[0], 1, ...maps.slice(1)));

const [SOCK_MAP_UPDATE, SOCK_HASH_UPDATE] = [53, 70];
/** What a program that is told of connections says as it puts their sockets into a map, by what it is told; and whether the map has one then. */
function mapped(t: Stage, type: 'sockmap' | 'sockhash'): unknown {
  const map = t.s.map(type);
  const told = t.s.map('array', { max_entries: 16 });
  const insns = bytecode(
    I.movReg(6, 1),
    I.storeImm(4, 10, -4, 1),
    I.mapFd(2, map),
    I.movReg(3, 10),
    I.add(3, -4),
    I.mov(4, 0),
    I.call(type === 'sockmap' ? SOCK_MAP_UPDATE : SOCK_HASH_UPDATE),
    I.store(8, 10, -16, 0),
    I.load(4, 1, 6, 0),
    I.store(4, 10, -4, 1),
    I.mapFd(1, told),
    I.movReg(2, 10),
    I.add(2, -4),
    I.movReg(3, 10),
    I.add(3, -16),
    I.mov(4, 0),
    I.call(2),
    I.mov(0, 1),
    I.exit,
  );
  const prog = t.s.prog({ prog_type: progTypeNumber.sock_ops, insns, insn_cnt: insns.length / 8 });
  t.attach('low', 'cgroup_sock_ops', prog);
  t.connect(4070);
  const said = [3, 4, 5, 11].map((op) => t.s.lookup(told, op) | 0);
  return [said, outcome(() => t.s.lookup(map, 1) !== 0)];
}

/** What a loaded program does with the map when it is tried. */
function tried(t: Stage, prog_fd: Fd, repeat: number): unknown {
  const data_in = new Uint8Array(64);
  return outcome(() => t.s.kernel.bpf('BPF_PROG_TEST_RUN', { prog_fd, repeat, data_in, data_size_in: 64 }));
}

// biome-ignore format: aligned table
const ROWS: readonly Row[] = [
  ...(['cgroup_storage', 'percpu_cgroup_storage'] as const).flatMap((type): Row[] => [
    [`${type}`,                      makes(type, {}),                                      'ok'],
    [`${type}: a key of 8 bytes`,    makes(type, { key_size: 8 }),                         'ok'],
    [`${type}: a key of 12 bytes`,   makes(type, { key_size: 12 }),                        'EINVAL'],
    [`${type}: a key of 4 bytes`,    makes(type, { key_size: 4 }),                         'EINVAL'],
    [`${type}: entries`,             makes(type, { max_entries: 1 }),                      'EINVAL'],
    [`${type}: no value`,            makes(type, { value_size: 0 }),                       'EINVAL'],
    [`${type}: a large value`,       makes(type, { value_size: 32768 }),                   'ok'],
    [`${type}: a larger value`,      makes(type, { value_size: 32769 }),                   type === 'cgroup_storage' ? 'ok' : 'E2BIG'],
    [`${type}: the largest value`,   makes(type, { value_size: 65407 }),                   type === 'cgroup_storage' ? 'ok' : 'E2BIG'],
    [`${type}: a value beyond`,      makes(type, { value_size: 65408 }),                   'E2BIG'],
    [`${type}: NO_PREALLOC`,         makes(type, { map_flags: 1 }),                        'EINVAL'],
    [`${type}: on a node`,           makes(type, { map_flags: 4 }),                        'ok'],
    [`${type}: RDONLY`,              makes(type, { map_flags: 8 }),                        'ok'],
    [`${type}: RDONLY_PROG`,         makes(type, { map_flags: 128 }),                      'ok'],
    [`${type}: both of programs`,    makes(type, { map_flags: 128 | 256 }),                'EINVAL'],
    [`${type}: too large and unsized`, makes(type, { value_size: 70000, max_entries: 1 }), 'E2BIG'],
    [`${type}: nothing is in it`,    (t) => { const map = t.map(type); const size = type === 'cgroup_storage' ? 8 : 8 * possibleCpus(t.s); return [t.read(map, t.key('low'), size), t.write(map, t.key('low'), 1, 0n, size), t.remove(map, t.key('low')), t.next(map), t.next(map, t.key('low'))]; }, ['ENOENT', 'ENOENT', 'EINVAL', 'ENOENT', 'ENOENT']],
    [`${type}: is made as the program is attached`, (t) => { const map = t.map(type); t.attach('low', 'cgroup_device', t.prog('cgroup_device', map)); const size = type === 'cgroup_storage' ? 8 : 8 * possibleCpus(t.s); return [t.read(map, t.key('low'), size), t.read(map, t.key(''), size), t.read(map, t.key('low', 'cgroup_sysctl'), size), t.next(map)]; }, [0, 'ENOENT', 'ENOENT', 'low']],
    [`${type}: counts`,              (t) => { const map = t.map(type); t.attach('low', 'cgroup_device', t.prog('cgroup_device', map)); t.open(3); const size = type === 'cgroup_storage' ? 8 : 8 * possibleCpus(t.s); return t.read(map, t.key('low'), size); }, 3],
    [`${type}: a value of each`,     (t) => { const map = t.map(type); const prog = t.prog('cgroup_device', map); t.attach('low', 'cgroup_device', prog); t.open(); t.attach('', 'cgroup_device', prog); t.open(); const size = type === 'cgroup_storage' ? 8 : 8 * possibleCpus(t.s); return [t.read(map, t.key('low'), size), t.read(map, t.key(''), size)]; }, [2, 1]],
    [`${type}: user space writes`,   (t) => { const map = t.map(type); t.attach('low', 'cgroup_device', t.prog('cgroup_device', map)); const size = type === 'cgroup_storage' ? 8 : 8 * possibleCpus(t.s); const write = (flags: bigint) => t.write(map, t.key('low'), 40, flags, size); return [write(1n), write(2n), write(LOCK), write(8n), write(0n), t.read(map, t.key('low'), size), t.remove(map, t.key('low'))]; }, ['EINVAL', 'ok', 'EINVAL', 'EINVAL', 'ok', 40, 'EINVAL']],
    [`${type}: two in a program`,    (t) => loads(t, 'cgroup_device', t.map(type), t.map(type)), 'EBUSY'],
    [`${type}: in a map`,            (t) => outcome(() => void t.s.map('array_of_maps', { value_size: 4, inner_map_fd: t.map(type) })), 'ENOTSUPP'],
    [`${type}: frozen`,              (t) => { const map = t.map(type); t.attach('low', 'cgroup_device', t.prog('cgroup_device', map)); const size = type === 'cgroup_storage' ? 8 : 8 * possibleCpus(t.s); t.s.freeze(map); t.open(); return [t.read(map, t.key('low'), size), t.write(map, t.key('low'), 1, 0n, size)]; }, [1, 'EPERM']],
    [`${type}: tried`,               (t) => { const map = t.map(type); return [tried(t, t.prog('cgroup_inet_egress', map), 3), t.next(map)]; }, ['ok', 'ENOENT']],
    [`${type}: memlock`,             (t) => /memlock:\s*(\d+)/.exec(t.s.text(`/proc/self/fdinfo/${t.map(type)}`))?.[1], '328'],
  ]),
  ['both types in a program',        (t) => { const [map, each] = [t.map(), t.map('percpu_cgroup_storage')]; t.attach('low', 'cgroup_device', t.prog('cgroup_device', map, 1, each)); t.open(2); return [t.read(map, t.key('low')), t.read(each, t.key('low'), 8 * possibleCpus(t.s))]; }, [2, 2]],
  ['two programs, one value',        (t) => { const map = t.map(); t.attach('low', 'cgroup_device', t.prog('cgroup_device', map)); t.attach('low', 'cgroup_device', t.prog('cgroup_device', map, 10)); t.open(); return t.read(map, t.key('low')); }, 11],
  ['a value of each attach type',    (t) => { const map = t.map(); t.attach('low', 'cgroup_device', t.prog('cgroup_device', map)); t.attach('low', 'cgroup_sysctl', t.prog('cgroup_sysctl', map, 10)); t.open(); t.sysctl(); return [t.read(map, t.key('low')), t.read(map, t.key('low', 'cgroup_sysctl'))]; }, [1, 10]],
  ['a value of all attach types',    (t) => { const map = t.map('cgroup_storage', { key_size: 8 }); t.attach('low', 'cgroup_device', t.prog('cgroup_device', map)); t.attach('low', 'cgroup_sysctl', t.prog('cgroup_sysctl', map, 10)); t.open(); t.sysctl(); return t.read(map, t.key('low', 'cgroup_device', 8)); }, 11],
  ['by a link',                      (t) => { const map = t.map(); t.link('low', 'cgroup_device', t.prog('cgroup_device', map)); t.open(); return t.read(map, t.key('low')); }, 1],
  ['it stays when the program goes', (t) => { const map = t.map(); const prog = t.prog('cgroup_device', map); t.attach('low', 'cgroup_device', prog); t.open(); t.detach('low', 'cgroup_device', prog); const left = t.read(map, t.key('low')); t.attach('low', 'cgroup_device', prog); t.open(); return [left, t.read(map, t.key('low'))]; }, [1, 2]],
  ['it goes with the cgroup',        (t) => { const map = t.map(); t.tree.make('gone'); t.attach('gone', 'cgroup_device', t.prog('cgroup_device', map)); const key = t.key('gone'); const before = t.read(map, key); t.tree.remove('gone'); return [before, eventually(() => t.read(map, key) === 'ENOENT')]; }, [0, true]],
  ['keys, the newest first',         (t) => { const map = t.map(); const prog = t.prog('cgroup_device', map); t.attach('low', 'cgroup_device', prog); t.attach('', 'cgroup_device', prog); return [t.next(map), t.next(map, t.key('')), t.next(map, t.key('low')), t.next(map, t.key('low', 'cgroup_sysctl'))]; }, ['top', 'low', 'ENOENT', 'ENOENT']],
  ['refused, nothing is made',       (t) => { const map = t.map(); t.attach('', 'cgroup_device', t.prog('cgroup_device', t.map()), 0); const attached = outcome(() => t.attach('low', 'cgroup_device', t.prog('cgroup_device', map))); return [attached, t.next(map)]; }, ['EPERM', 'ENOENT']],
  ['another program in its place',   (t) => { const [one, two] = [t.map(), t.map()]; t.attach('low', 'cgroup_device', t.prog('cgroup_device', one), 0); t.attach('low', 'cgroup_device', t.prog('cgroup_device', two), 0); t.open(); return [t.read(one, t.key('low')), t.read(two, t.key('low'))]; }, [0, 1]],
  ['cgrp_storage: of a cgroup',      (t) => uses(t.s, storage(t.s, 'cgrp_storage'), t.tree.open('low')), OWNED],
  ['cgrp_storage: of one that is gone', (t) => { const map = storage(t.s, 'cgrp_storage'); t.tree.make('gone'); const fd = t.tree.open('gone'); t.s.update(map, fd, 7); t.tree.remove('gone'); return outcome(() => t.s.lookup(map, fd)); }, 'ENOENT'],
  ['sock_ops: puts sockets into a sockmap', (t) => mapped(t, 'sockmap'), [[-95, 0, 0, 0], true]],
  ['sock_ops: puts sockets into a sockhash', (t) => mapped(t, 'sockhash'), [[-95, 0, 0, 0], true]],
  ['a program of packets',           (t) => loads(t, 'cgroup_inet_ingress', t.map()), 'ok'],
  ['named by a program of tc',       (t) => outcome(() => void t.s.progUsing(t.map())), 'ok'],
  ['no BTF of a wrong key',          (t) => makes('cgroup_storage', { btf_fd: t.s.btf(), btf_key_type_id: 1, btf_value_type_id: 1 })(t), 'EINVAL'],
  ['mapped, batched',                (t) => outcome(() => t.s.kernel.bpf('BPF_MAP_LOOKUP_BATCH', { map_fd: t.map(), keys: new Uint8Array(KEY), values: new Uint8Array(8), out_batch: new Uint8Array(KEY), count: 1 })), 'ENOTSUPP'],
  ['tail calls: who has the same values', (t) => { const [map, other] = [t.map(), t.map()]; const array = t.s.map('prog_array', { value_size: 4 }); const put = (prog: Fd) => outcome(() => t.s.update(array, 0, new Uint8Array(Uint32Array.of(prog).buffer))); return [put(t.prog('cgroup_device', map)), put(t.prog('cgroup_device', other)), put(t.s.prog({ prog_type: progTypeNumber.cgroup_device })), put(t.prog('cgroup_device', map))]; }, ['ok', 'EINVAL', 'ok', 'ok']],
  ['tail calls: the first has none', (t) => { const array = t.s.map('prog_array', { value_size: 4 }); const put = (prog: Fd) => outcome(() => t.s.update(array, 0, new Uint8Array(Uint32Array.of(prog).buffer))); return [put(t.s.prog({ prog_type: progTypeNumber.cgroup_device })), put(t.prog('cgroup_device', t.map()))]; }, ['ok', 'EINVAL']],
];

export const cgroupStorageRows = ROWS;

export function expectStorageRow(bench: CgroupBench, [, run, want]: Row): void {
  using stage = new Stage(bench);
  expect(outcome(() => run(stage))).toEqual(want);
}
