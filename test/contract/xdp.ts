import type { Insn } from '../../src/isa/index.ts';
import { clsact, decodeLink, encodeFilter, encodeLink, encodeQdisc, request } from '../../src/net/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { PacketLab } from '../../src/sys/lab.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { attachTypeNumber, mapTypeNumber, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import * as N from '../../src/uapi/netlink.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { FRAME } from './packets.ts';
import { outcome, u32 } from './session.ts';

const DEVICES = ['x0', 'x1', 'y0', 'y1'] as const;
type Device = (typeof DEVICES)[number];
const { SKB, DRV } = { SKB: N.XDP_FLAGS_SKB_MODE, DRV: N.XDP_FLAGS_DRV_MODE };
const [ABORTED, DROP, PASS, TX, REDIRECT] = [0, 1, 2, 3, 4];

/** An XDP program on a device: it counts in capitals, `X1`, and returns this, or redirects. */
interface Step {
  readonly on: Device;
  readonly mode: number;
  readonly returns?: number;
  readonly redirect?: Device;
  /** bpf_redirect_map to slot 0 of a map that has this device, or CPU 0; `nowhere`: nothing. */
  readonly map?: Device | 'cpu' | 'nowhere' | 'all';
  readonly hash?: true;
  /** What the program of the map's entry returns. */
  readonly there?: number;
}

/** Which programs a frame meets that is sent out of x0: XDP programs in capitals, then the ingress of the stack. */
// biome-ignore format: one scenario a row
export const xdpScenarios: readonly (readonly [name: string, steps: readonly Step[], want: string])[] = [
  ['no program', [], 'x1'],
  ...([['generic', SKB], ['driver', DRV]] as const).flatMap(([name, mode]): [string, Step[], string][] => [
    [`${name}: PASS`, [{ on: 'x1', mode, returns: PASS }], 'X1 x1'],
    [`${name}: DROP`, [{ on: 'x1', mode, returns: DROP }], 'X1'],
    [`${name}: ABORTED`, [{ on: 'x1', mode, returns: ABORTED }], 'X1'],
    [`${name}: a number that means nothing`, [{ on: 'x1', mode, returns: 99 }], 'X1'],
    [`${name}: REDIRECT without a target`, [{ on: 'x1', mode, returns: REDIRECT }], 'X1'],
    [`${name}: at the other end it sees nothing of what leaves`, [{ on: 'x0', mode, returns: DROP }], 'x1'],
    [`${name}: TX, and the other end has a program too`, [{ on: 'x1', mode, returns: TX }, { on: 'x0', mode, returns: PASS }], 'X0 X1 x0'],
    [`${name}: redirect, and the other end there has a program too`, [{ on: 'x1', mode, redirect: 'y0' }, { on: 'y1', mode, returns: PASS }], 'X1 Y1 y1'],
    [`${name}: a map, and the other end there has a program too`, [{ on: 'x1', mode, map: 'y0' }, { on: 'y1', mode, returns: PASS }], 'X1 Y1 y1'],
    [`${name}: a hash of devices`, [{ on: 'x1', mode, map: 'y0', hash: true }, { on: 'y1', mode, returns: PASS }], 'X1 Y1 y1'],
    [`${name}: a map with nothing there`, [{ on: 'x1', mode, map: 'nowhere' }], 'X1'],
    [`${name}: a program on the way out drops`, [{ on: 'x1', mode, map: 'y0', there: DROP }, { on: 'y1', mode, returns: PASS }], 'X1'],
    [`${name}: a program on the way out passes`, [{ on: 'x1', mode, map: 'y0', there: PASS }, { on: 'y1', mode, returns: PASS }], 'X1 Y1 y1'],
    [`${name}: to another CPU`, [{ on: 'x1', mode, map: 'cpu' }], 'X1 x1'],
    [`${name}: to all devices but its own`, [{ on: 'x1', mode, map: 'all' }, { on: 'y1', mode, returns: PASS }, { on: 'x0', mode, returns: PASS }], 'X1 Y1 y1'],
  ]),
  ['generic: TX', [{ on: 'x1', mode: SKB, returns: TX }], 'X1 x0'],
  ['driver: TX to an end without a program is lost', [{ on: 'x1', mode: DRV, returns: TX }], 'X1'],
  ['driver: TX to an end with a generic program is lost', [{ on: 'x1', mode: DRV, returns: TX }, { on: 'x0', mode: SKB, returns: PASS }], 'X1'],
  ['generic: redirect', [{ on: 'x1', mode: SKB, redirect: 'y0' }], 'X1 y1'],
  ['driver: redirect to an end without a program is lost', [{ on: 'x1', mode: DRV, redirect: 'y0' }], 'X1'],
  ['driver: a program on another CPU drops', [{ on: 'x1', mode: DRV, map: 'cpu', there: DROP }], 'X1'],
  ['driver: a program on another CPU passes', [{ on: 'x1', mode: DRV, map: 'cpu', there: PASS }], 'X1 x1'],
];

type Insns = readonly (Partial<Insn> | readonly Partial<Insn>[])[];

const ETH_P = 0xb588; // of FRAME, as it is in memory
const COUNTERS = 8;
/** From a program's first instruction: jumps to `out`, which passes, unless it is the test's frame. */
export const OURS_XDP = [
  I.load(4, 2, 1, 0),
  I.load(4, 3, 1, 4),
  I.movReg(4, 2),
  I.add(4, 14),
  { opcode: 0x2d, dst: 4, src: 3, off: 2 },
  I.load(2, 5, 2, 12),
  I.jeq(5, ETH_P, 2),
  I.mov(0, PASS),
  I.exit,
];
const OURS_SKB = [I.load(4, 2, 1, 16), I.jeq(2, ETH_P, 2), I.mov(0, -1), I.exit];

/** Two pairs of a kernel, x0 and x1, y0 and y1, which it makes. */
export class XdpBench {
  readonly kernel: Kernel;
  readonly #lab: PacketLab;
  readonly #log: Fd;
  readonly #indexes = new Map<string, number>();
  readonly #opened: Fd[] = [];

  constructor(kernel: Kernel, lab: PacketLab) {
    this.kernel = kernel;
    this.#lab = lab;
    this.#log = this.create({
      map_type: mapTypeNumber.array,
      key_size: 4,
      value_size: 8 * 2 * COUNTERS,
      max_entries: 1,
    });
    for (const [name, peer] of [
      ['x0', 'x1'],
      ['y0', 'y1'],
    ] as const) {
      const link = { ifindex: 0, name, kind: 'veth', peer: { ifindex: 0, name: peer } };
      this.ask(N.RTM_NEWLINK, N.NLM_F_CREATE | N.NLM_F_EXCL, encodeLink(link));
    }
    for (const [i, name] of DEVICES.entries()) {
      const [answer] = this.ask(N.RTM_GETLINK, 0, encodeLink({ ifindex: 0, name }));
      const { ifindex } = decodeLink(answer ?? new Uint8Array(0));
      this.#indexes.set(name, ifindex);
      this.ask(N.RTM_NEWLINK, 0, encodeLink({ ifindex, flags: N.IFF_UP, change: N.IFF_UP }));
      const prog_fd = this.prog('sched_cls', [...OURS_SKB, ...this.#count(COUNTERS + i), I.mov(0, 0), I.exit]);
      this.ask(N.RTM_NEWQDISC, N.NLM_F_CREATE | N.NLM_F_EXCL, encodeQdisc(clsact(ifindex)));
      const filter = {
        ifindex,
        parent: N.TC_H_CLSACT_INGRESS,
        handle: 1,
        priority: 1,
        protocol: 3,
        kind: 'bpf',
        bpf: { fd: prog_fd, name, flags: N.TCA_BPF_FLAG_ACT_DIRECT },
      };
      this.ask(N.RTM_NEWTFILTER, N.NLM_F_CREATE | N.NLM_F_EXCL, encodeFilter(filter));
    }
  }

  ask(type: number, flags: number, payload: Uint8Array): Uint8Array[] {
    return request(this.kernel, 'the test', type, flags, payload);
  }
  ifindex(device: string): number {
    return this.#indexes.get(device) ?? 0;
  }
  create(attr: BpfAttr<'BPF_MAP_CREATE'>): Fd {
    return this.#own(this.kernel.bpf('BPF_MAP_CREATE', attr));
  }
  #own(fd: Fd): Fd {
    this.#opened.push(fd);
    return fd;
  }
  prog(type: 'xdp' | 'sched_cls', insns: Insns, attach = 0): Fd {
    const bytes = bytecode(...insns);
    return this.#own(
      this.kernel.bpf('BPF_PROG_LOAD', {
        prog_type: progTypeNumber[type],
        insns: bytes,
        insn_cnt: bytes.length / 8,
        license: 'GPL',
        expected_attach_type: attach,
      }),
    );
  }
  /** An XDP program that returns a number. */
  xdp(returns: number, attach = 0): Fd {
    return this.prog('xdp', [I.mov(0, returns), I.exit], attach);
  }
  #count(slot: number): Insns {
    return [I.mapValue(1, this.#log, 8 * slot), I.load(8, 2, 1, 0), I.add(2, 1), I.store(8, 1, 0, 2)];
  }

  /** Sets the program of a device, by netlink. */
  set(device: string, fd: number, flags: number, expectedFd?: number): void {
    this.ask(N.RTM_SETLINK, 0, encodeLink({ ifindex: this.ifindex(device), xdp: { fd, flags, expectedFd } }));
  }
  /** The mode of its program. */
  mode(device: string): string | undefined {
    const [answer] = this.ask(N.RTM_GETLINK, 0, encodeLink({ ifindex: this.ifindex(device) }));
    return N.XDP_ATTACHED[decodeLink(answer ?? new Uint8Array(0)).xdp?.attached ?? 0];
  }
  link(prog_fd: Fd, device: string | number, flags = 0): Fd {
    const target_ifindex = typeof device === 'number' ? device : this.ifindex(device);
    return this.#own(
      this.kernel.bpf('BPF_LINK_CREATE', { prog_fd, target_ifindex, attach_type: attachTypeNumber.xdp, flags }),
    );
  }

  /** What the frame met. */
  run(steps: readonly Step[]): string {
    const before = this.#opened.length;
    for (const step of steps) this.set(step.on, this.#program(step), step.mode);
    const zero = new Uint8Array(8 * 2 * COUNTERS);
    this.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: this.#log, key: u32(0), value: zero });
    this.#lab.send('x0', 'egress', FRAME);
    const met = this.settled(() => this.#read());
    for (const step of steps) this.set(step.on, -1, step.mode);
    for (const fd of this.#opened.splice(before)) this.kernel.close(fd);
    return met;
  }

  /** Once it no longer changes: Linux lets frames arrive a moment later. */
  settled(read: () => string): string {
    let seen = '';
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let quiet = 0; quiet < 3; ) {
      if (this.kernel.name === 'linux') Atomics.wait(pause, 0, 0, 15);
      const now = read();
      quiet = now === seen ? quiet + 1 : 0;
      seen = now;
    }
    return seen;
  }

  #read(): string {
    const value = new Uint8Array(8 * 2 * COUNTERS);
    this.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: this.#log, key: u32(0), value });
    const counts = new BigUint64Array(value.buffer);
    const names = [
      ...DEVICES.map((name) => name.toUpperCase()),
      ...Array(COUNTERS - DEVICES.length).fill(''),
      ...DEVICES,
    ];
    return names.flatMap((name, i) => Array<string>(Number(counts[i])).fill(name)).join(' ');
  }

  #program({ on, returns = PASS, redirect, map, hash, there }: Step): Fd {
    const before = [...OURS_XDP, ...this.#count(DEVICES.indexOf(on))];
    if (redirect !== undefined)
      return this.prog('xdp', [...before, I.mov(1, this.ifindex(redirect)), I.mov(2, 0), I.call(23), I.exit]);
    if (map === undefined) return this.prog('xdp', [...before, I.mov(0, returns), I.exit]);
    const fd = this.#targets(map, hash === true, there);
    const flags = map === 'all' ? 8 + 16 : DROP;
    return this.prog('xdp', [...before, I.mapFd(1, fd), I.mov(2, 0), I.mov(3, flags), I.call(51), I.exit]);
  }

  #targets(map: NonNullable<Step['map']>, hash: boolean, there: number | undefined): Fd {
    const type = map === 'cpu' ? 'cpumap' : hash ? 'devmap_hash' : 'devmap';
    const attr = {
      map_type: mapTypeNumber[type],
      key_size: 4,
      value_size: there === undefined ? 4 : 8,
      max_entries: map === 'cpu' ? 1 : 8,
    };
    const map_fd = this.create(attr);
    const attach = attachTypeNumber[map === 'cpu' ? 'xdp_cpumap' : 'xdp_devmap'];
    const prog = there === undefined ? undefined : this.xdp(there, attach);
    const put = (key: number, number: number) =>
      this.kernel.bpf('BPF_MAP_UPDATE_ELEM', {
        map_fd,
        key: u32(key),
        value: prog === undefined ? u32(number) : Uint8Array.of(...u32(number), ...u32(prog)),
      });
    if (map === 'cpu') put(0, 64);
    else if (map === 'all') for (const [i, name] of ['x1', 'y0'].entries()) put(i, this.ifindex(name));
    else if (map !== 'nowhere') put(0, this.ifindex(map));
    return map_fd;
  }
}

/** How programs get onto devices, and how not. Each row leaves x1 as it was. */
// biome-ignore format: aligned table
export const xdpAttachRows: readonly (readonly [name: string, run: (bench: XdpBench) => unknown, want: unknown])[] = [
  ['a program, and away',               (b) => { b.set('x1', b.xdp(PASS), 0); const mode = b.mode('x1'); b.set('x1', -1, 0); return [mode, b.mode('x1')]; }, ['driver', 'none']],
  ['generic',                           (b) => { b.set('x1', b.xdp(PASS), SKB); const mode = b.mode('x1'); b.set('x1', -1, SKB); return mode; }, 'generic'],
  ['two modes at once',                 (b) => b.set('x1', b.xdp(PASS), SKB | DRV),                              'EINVAL'],
  ['an unknown flag',                   (b) => b.set('x1', b.xdp(PASS), 64),                                     'EINVAL'],
  ['the device itself',                 (b) => b.set('x1', b.xdp(PASS), N.XDP_FLAGS_HW_MODE),                    'EINVAL'],
  ['an fd of nothing',                  (b) => b.set('x1', 999, 0),                                              'EBADF'],
  ['a program of another type',         (b) => b.set('x1', b.prog('sched_cls', [I.mov(0, 0), I.exit]), 0),       'EINVAL'],
  ['a program for a map of devices',    (b) => b.set('x1', b.xdp(PASS, attachTypeNumber.xdp_devmap), 0),         'EINVAL'],
  ['a program for a map of CPUs',       (b) => b.set('x1', b.xdp(PASS, attachTypeNumber.xdp_cpumap), 0),         'EINVAL'],
  ['replaced',                          (b) => twice(b, 0),                                                      'ok'],
  ['only if there is none',             (b) => twice(b, N.XDP_FLAGS_UPDATE_IF_NOEXIST),                          'EBUSY'],
  ['only instead of another',           (b) => twice(b, N.XDP_FLAGS_REPLACE, b.xdp(DROP)),                       'EEXIST'],
  ['only instead of none',              (b) => twice(b, N.XDP_FLAGS_REPLACE, -1),                                'EEXIST'],
  ['instead of an expected one, without its fd', (b) => b.set('x1', b.xdp(PASS), N.XDP_FLAGS_REPLACE),           'EINVAL'],
  ['generic beside driver',             (b) => with1(b, 0, () => b.set('x1', b.xdp(PASS), SKB)),                 'EEXIST'],
  ['taking away what is not there',     (b) => b.set('x1', -1, SKB),                                             'ok'],
  ['a link',                            (b) => { const link = b.link(b.xdp(PASS), 'x1'); const mode = b.mode('x1'); b.kernel.bpf('BPF_LINK_DETACH', { link_fd: link }); return [mode, b.mode('x1')]; }, ['driver', 'none']],
  ['a link on no device',               (b) => b.link(b.xdp(PASS), 99999),                                       'EINVAL'],
  ['a link with a flag of netlink',     (b) => b.link(b.xdp(PASS), 'x1', N.XDP_FLAGS_REPLACE),                   'EINVAL'],
  ['a link of another type',            (b) => b.link(b.prog('sched_cls', [I.mov(0, 0), I.exit]), 'x1'),         'EINVAL'],
  ['a link beside a link',              (b) => withLink(b, () => b.link(b.xdp(PASS), 'x1')),                     'EBUSY'],
  ['a program beside a link',           (b) => withLink(b, () => b.set('x1', b.xdp(PASS), 0)),                   'EBUSY'],
  ['taking away a link by netlink',     (b) => withLink(b, () => b.set('x1', -1, 0)),                            'EBUSY'],
  ['a generic link beside a link',      (b) => withLink(b, () => b.link(b.xdp(PASS), 'x1', SKB)),                'EEXIST'],
  ['a link beside a program',           (b) => with1(b, 0, () => b.link(b.xdp(PASS), 'x1')),                     'EBUSY'],
  ['another program for a link',        (b) => withLink(b, (link_fd) => b.kernel.bpf('BPF_LINK_UPDATE', { link_fd, new_prog_fd: b.xdp(DROP) })), 'ok'],
  ['another program for a link that has not the expected one', (b) => withLink(b, (link_fd) => b.kernel.bpf('BPF_LINK_UPDATE', { link_fd, new_prog_fd: b.xdp(DROP), old_prog_fd: b.xdp(DROP), flags: 4 })), 'EPERM'],
  ['a program of another type for a link', (b) => withLink(b, (link_fd) => b.kernel.bpf('BPF_LINK_UPDATE', { link_fd, new_prog_fd: b.prog('sched_cls', [I.mov(0, 0), I.exit]) })), 'EINVAL'],
  ['a link that is detached is updated', (b) => withLink(b, (link_fd) => { b.kernel.bpf('BPF_LINK_DETACH', { link_fd }); b.kernel.bpf('BPF_LINK_UPDATE', { link_fd, new_prog_fd: b.xdp(DROP) }); }), 'ENOLINK'],
  ['a link that is closed lets go',     (b) => { b.kernel.close(b.link(b.xdp(PASS), 'x1')); return b.mode('x1'); }, 'none'],
];

/** With a program there. */
function with1(bench: XdpBench, flags: number, then: () => unknown): unknown {
  bench.set('x1', bench.xdp(PASS), flags);
  const result = outcome(then);
  bench.set('x1', -1, flags);
  return result;
}
function twice(bench: XdpBench, flags: number, expectedFd?: number): unknown {
  return with1(bench, 0, () => bench.set('x1', bench.xdp(PASS), flags, expectedFd));
}
function withLink(bench: XdpBench, then: (link: Fd) => unknown): unknown {
  const link = bench.link(bench.xdp(PASS), 'x1');
  const result = outcome(() => void then(link));
  bench.kernel.bpf('BPF_LINK_DETACH', { link_fd: link });
  return result;
}
