import { expect } from 'vitest';
import { attachToCgroup, type CgroupHook, load, openObject } from '../../src/index.ts';
import { findCgroups } from '../../src/loader/cgroups.ts';
import { objectBytes } from '../support/objects.ts';
import type { Address, BenchSocket, NetBench } from './net-bench.ts';
import { outcome } from './session.ts';

/** What a process does that programs of its cgroup decide about: on Linux with real files, on the embedded kernel by its lab. */
export interface CgroupDriver {
  /** Moves the process of side `a` into the cgroup with this directory. */
  enter(path: string): void;
  /** Opens /dev/zero for reading (1:5), or /dev/null (1:3) for writing. */
  open(device: 'zero' | 'null'): void;
  /** Makes a node of such a device. */
  mknod(device: 'zero' | 'null'): void;
  readSysctl(name: string): string;
  writeSysctl(name: string, text: string): void;
}

const HOOKS: Readonly<Record<string, CgroupHook>> = {
  device: 'cgroup_device',
  device_retval: 'cgroup_device',
  device_ids: 'cgroup_device',
  sysctl_seen: 'cgroup_sysctl',
  sysctl_none: 'cgroup_sysctl',
  sysctl_pos: 'cgroup_sysctl',
  set_seen: 'cgroup_setsockopt',
  set_none: 'cgroup_setsockopt',
  get_seen: 'cgroup_getsockopt',
  get_none: 'cgroup_getsockopt',
  created: 'cgroup_inet_sock_create',
  bound: 'cgroup_inet4_post_bind',
  binds: 'cgroup_inet4_bind',
  connects: 'cgroup_inet4_connect',
  connects_none: 'cgroup_inet4_connect',
  sends: 'cgroup_udp4_sendmsg',
  receives: 'cgroup_udp4_recvmsg',
  own_name: 'cgroup_inet4_getsockname',
  peer_name: 'cgroup_inet4_getpeername',
  egress: 'cgroup_inet_egress',
  ingress: 'cgroup_inet_ingress',
  ops: 'cgroup_sock_ops',
};

const object = openObject(objectBytes('test/objects/cgroup_programs.o'), { file: 'cgroup_programs.o' });
const HOST = '127.0.0.1';
const SOL_SOCKET = 1;
const SO_PRIORITY = 12;
const SO_REUSEPORT = 15;

/** A process in a cgroup of its own, `outer/inner` below the first, and programs that are attached there. */
export class CgroupBench {
  readonly net: NetBench;
  readonly driver: CgroupDriver;
  readonly #home: string;
  readonly #outer: string;
  readonly #sockets: BenchSocket[] = [];

  constructor(net: NetBench, driver: CgroupDriver) {
    this.net = net;
    this.driver = driver;
    const { kernel } = this;
    this.#home = findCgroups(kernel);
    this.#outer = `${this.#home}/skep-programs-${process.pid}`;
  }

  get kernel() {
    return this.net.kernel('a');
  }
  get inner(): string {
    return `${this.#outer}/inner`;
  }

  socket(type: 'tcp' | 'udp', port?: number, family?: 'inet6'): BenchSocket {
    const socket = this.net.socket('a', type, family);
    this.#sockets.push(socket);
    if (port !== undefined) socket.bind(at(port));
    return socket;
  }

  /** Attaches a program to the cgroup of the process, or (`above`) that above, does something, and says what was answered and seen. */
  run(program: string, act: (bench: CgroupBench) => unknown, seen = 0, above = false): readonly unknown[] {
    const { kernel } = this;
    for (const path of [this.#outer, this.inner]) kernel.mkdir(path, 0o755);
    const programs = object.spec.programs.filter(({ name }) => name === program);
    try {
      using loaded = load(kernel, object, { programs });
      const hook = HOOKS[program];
      if (hook === undefined) throw new Error(`no hook of ${program}`);
      using _link = attachToCgroup(loaded.program(program), above ? this.#outer : this.inner, hook);
      this.driver.enter(this.inner);
      const answer = outcome(() => act(this));
      const numbers = loaded.globals.seen as readonly bigint[]; // __s64[32]
      return [
        answer,
        ...numbers.slice(0, seen).map(Number),
        ...(program === 'sysctl_seen' ? texts(loaded.globals.text) : []),
      ];
    } finally {
      for (const socket of this.#sockets.splice(0)) outcome(() => socket.close());
      this.driver.enter(this.#home);
      for (const path of [this.inner, this.#outer]) kernel.rmdir(path);
    }
  }
}

/** The first text in an array of char. */
function texts(value: unknown): string[] {
  const bytes = Array.isArray(value) ? value.map(Number) : [];
  return [String.fromCharCode(...bytes.slice(0, bytes.indexOf(0)))];
}

const at = (port: number, address = HOST): Address => ({ address, port });
const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
const data = new TextEncoder().encode('hello');

function sent(bench: CgroupBench, port: number): unknown {
  const server = bench.socket('udp', 4050);
  const client = bench.socket('udp');
  client.send(data, at(port));
  const got = server.receive();
  return got === undefined ? 'nothing' : `${got.data.length} from ${got.from.address}`;
}

type ProgramRow = readonly [name: string, run: (bench: CgroupBench) => unknown, want: unknown];
export const cgroupProgramRows: readonly ProgramRow[] = [
  [
    'a device that is refused',
    (b) => b.run('device', ({ driver }) => driver.open('zero'), 4),
    ['EPERM', (2 << 16) | 2, 1, 5, 2],
  ],
  ['a device that is not', (b) => b.run('device', ({ driver }) => driver.open('null'), 3), ['ok', (6 << 16) | 2, 1, 3]],
  ['a node that is made', (b) => b.run('device', ({ driver }) => driver.mknod('null'), 3), ['ok', (1 << 16) | 2, 1, 3]],
  [
    'a node that is refused',
    (b) => b.run('device', ({ driver }) => driver.mknod('zero'), 3),
    ['EPERM', (1 << 16) | 2, 1, 5],
  ],
  [
    'a program above refuses too',
    (b) => b.run('device', ({ driver }) => driver.open('zero'), 1, true),
    ['EPERM', (2 << 16) | 2],
  ],
  ['an errno of its own', (b) => b.run('device_retval', ({ driver }) => driver.open('null'), 2), ['EACCES', 0, -13]],
  [
    'the ids of cgroups',
    (b) => {
      const [, same, root, inner, id] = b.run(
        'device_ids',
        ({ driver, kernel, inner }) => {
          driver.open('null');
          return kernel.stat(inner).ino;
        },
        4,
      );
      return [same, root, inner === id];
    },
    [0, 1, true],
  ],
  [
    'a sysctl that is read',
    (b) => b.run('sysctl_seen', ({ driver }) => driver.readSysctl('vm/swappiness'), 9),
    ['60\n', 0, 0, 13, 10, -7, 3, -22, -7, -22, 'vm/swappiness'],
  ],
  [
    'a sysctl that is written, with another value',
    (b) => {
      const seen = b.run('sysctl_seen', ({ driver }) => driver.writeSysctl('net/core/somaxconn', '60'), 9);
      return [seen, b.driver.readSysctl('net/core/somaxconn')];
    },
    [['ok', 1, 0, 18, 9, -7, 5, 2, -7, 0, 'net/core/somaxconn'], '50\n'],
  ],
  [
    'a sysctl that is refused',
    (b) => b.run('sysctl_none', ({ driver }) => driver.readSysctl('vm/swappiness'), 1),
    ['EPERM', 0],
  ],
  ['a sysctl from another place', (b) => b.run('sysctl_pos', ({ driver }) => driver.readSysctl('vm/swappiness')), ['']],
  [
    'a text from another place',
    (b) => b.run('sysctl_pos', ({ driver }) => driver.readSysctl('kernel/ostype')),
    ['inux\n'],
  ],

  [
    'setting an option',
    (b) =>
      b.run(
        'set_seen',
        (bench) => {
          const socket = bench.socket('udp');
          socket.setsockopt(SOL_SOCKET, SO_PRIORITY, int(3));
          return [...socket.getsockopt(SOL_SOCKET, SO_PRIORITY, int(0))];
        },
        5,
      ),
    [[5, 0, 0, 0], SOL_SOCKET, SO_PRIORITY, 4, 16, 3],
  ],
  [
    'an option that no kernel has',
    (b) => b.run('set_seen', (bench) => bench.socket('udp').setsockopt(SOL_SOCKET, 1000, int(3))),
    ['ok'],
  ],
  [
    'a value that is too long',
    (b) => b.run('set_seen', (bench) => bench.socket('udp').setsockopt(SOL_SOCKET, 1001, int(3))),
    ['EFAULT'],
  ],
  [
    'a page and more',
    (b) =>
      b.run('set_seen', (bench) => bench.socket('udp').setsockopt(SOL_SOCKET, SO_PRIORITY, new Uint8Array(5000)), 4),
    ['ok', 1, 12, 5000, 4096],
  ],
  [
    'another option',
    (b) => b.run('set_seen', (bench) => bench.socket('udp').setsockopt(SOL_SOCKET, 1002, int(3))),
    ['ok'],
  ],
  [
    'an option that is refused',
    (b) => b.run('set_none', (bench) => bench.socket('udp').setsockopt(SOL_SOCKET, SO_PRIORITY, int(3))),
    ['EPERM'],
  ],
  [
    'reading an option',
    (b) => b.run('get_seen', (bench) => [...bench.socket('udp').getsockopt(SOL_SOCKET, SO_PRIORITY, int(9))], 6),
    [[7, 0, 0, 0], 1, 12, 4, 4, 0, 0],
  ],
  [
    'reading one that no kernel has',
    (b) => b.run('get_seen', (bench) => [...bench.socket('udp').getsockopt(SOL_SOCKET, 1000, int(9))], 6),
    [[7], 1, 1000, 4, 4, -92, 0],
  ],
  [
    'reading one without a value',
    (b) => b.run('get_seen', (bench) => [...bench.socket('udp').getsockopt(SOL_SOCKET, 1001, int(9))], 5),
    ['ENOPROTOOPT', 1, 1001, 4, 4, -92],
  ],
  [
    'reading more than there is room for',
    (b) => b.run('get_seen', (bench) => [...bench.socket('udp').getsockopt(SOL_SOCKET, SO_REUSEPORT, int(9))]),
    ['EFAULT'],
  ],
  [
    'reading that is refused',
    (b) => b.run('get_none', (bench) => [...bench.socket('udp').getsockopt(SOL_SOCKET, SO_PRIORITY, int(9))]),
    ['EPERM'],
  ],

  [
    'a socket that is made',
    (b) => b.run('created', (bench) => [...bench.socket('udp').getsockopt(SOL_SOCKET, SO_PRIORITY, int(0))], 3),
    [[3, 0, 0, 0], 2, 2, 17],
  ],
  ['a socket that is refused', (b) => b.run('created', (bench) => bench.socket('tcp').name, 3), ['EPERM', 2, 1, 6]],
  [
    'binding',
    (b) => b.run('binds', (bench) => bench.socket('udp', 4040).name.port, 6),
    [4040, 2, 0x7f000001, 4040, 2, 17, 2],
  ],
  ['binding elsewhere', (b) => b.run('binds', (bench) => bench.socket('udp', 4042).name.port), [4043]],
  ['binding that is refused', (b) => b.run('binds', (bench) => bench.socket('udp', 4044).name.port), ['EPERM']],
  ['bound', (b) => b.run('bound', (bench) => bench.socket('udp', 4040).name.port, 2), [4040, 4040, 0x7f000001]],
  ['bound, and refused', (b) => b.run('bound', (bench) => bench.socket('udp', 4041).name.port, 1), ['EPERM', 4041]],
  [
    'connecting elsewhere',
    (b) =>
      b.run(
        'connects',
        (bench) => {
          const socket = bench.socket('udp');
          socket.connect(at(9, '127.0.0.9'));
          return socket.peer;
        },
        3,
      ),
    [at(4050), 0x7f000009, 9, 17],
  ],
  [
    'connecting that is refused',
    (b) => b.run('connects_none', (bench) => bench.socket('udp').connect(at(9))),
    ['ECONNREFUSED'],
  ],
  [
    'sending from an IPv6 socket to a mapped address',
    (b) =>
      b.run(
        'sends',
        (bench) => {
          const receiver = bench.socket('udp', 4050);
          bench.socket('udp', undefined, 'inet6').send(Uint8Array.of(1, 2), { address: `::ffff:${HOST}`, port: 9 });
          return receiver.receive()?.data.length;
        },
        3,
      ),
    [2, 0x7f000001, 9, 0],
  ],
  [
    'connecting an IPv6 socket to a mapped address',
    (b) =>
      b.run(
        'connects',
        (bench) => {
          const socket = bench.socket('udp', undefined, 'inet6');
          socket.connect({ address: `::ffff:${HOST}`, port: 9 });
          return socket.peer?.port;
        },
        2,
      ),
    [9, 0, 0],
  ],
  ['sending elsewhere', (b) => b.run('sends', (bench) => sent(bench, 9), 3), ['5 from 127.0.0.1', 0x7f000001, 9, 0]],
  [
    'receiving from elsewhere',
    (b) => b.run('receives', (bench) => sent(bench, 4050), 1),
    ['5 from 10.9.8.7', 0x7f000001],
  ],
  ['another name', (b) => b.run('own_name', (bench) => bench.socket('udp', 4040).name), [at(77)]],
  [
    'another name of the peer',
    (b) =>
      b.run('peer_name', (bench) => {
        const socket = bench.socket('udp');
        socket.connect(at(9));
        return socket.peer;
      }),
    [at(78)],
  ],
  [
    'a packet that is dropped for congestion',
    (b) => b.run('egress', (bench) => sent(bench, 4050), 5),
    ['nothing', 33, 0x800, 0x45, 0, 1],
  ],
  [
    'a packet that may not go out',
    (b) => b.run('egress', (bench) => bench.socket('udp').send(data, at(4052))),
    ['EPERM'],
  ],
  ['a packet that goes out', (b) => b.run('egress', (bench) => bench.socket('udp').send(data, at(4053))), [5]],
  [
    'a packet that goes out in congestion',
    (b) => b.run('egress', (bench) => bench.socket('udp').send(data, at(4051))),
    [5],
  ],
  ['a packet that does not come in', (b) => b.run('ingress', (bench) => sent(bench, 4050), 2), ['nothing', 33, 0x45]],
  [
    'a connection, as sock_ops sees it',
    (b) => {
      const seen = b.run(
        'ops',
        (bench) => {
          const server = bench.socket('tcp', 4060);
          server.listen();
          bench.socket('tcp').connect(at(4060));
          return 'connected';
        },
        22,
      );
      return [seen[0], seen.slice(1, 3), seen.slice(17)];
    },
    ['connected', [11, 3], [0x7f000001, 4060, 2, 1, 0x80, 4]],
  ],
];

export function expectRow(bench: CgroupBench, [, run, want]: ProgramRow): void {
  expect(run(bench)).toEqual(want);
}
