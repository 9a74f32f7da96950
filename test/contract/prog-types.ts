import type { BpfAttr } from '../../src/uapi/attr.ts';
import { ATTACH_TYPES, attachTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import { bpfFlowKeys, bpfSkLookup } from '../../src/uapi/contexts.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { outcome, type Session } from './session.ts';
import type { Row } from './suite.ts';

type Load = BpfAttr<'BPF_PROG_LOAD'>;
type TestRun = BpfAttr<'BPF_PROG_TEST_RUN'>;

const RETURN_1 = bytecode(I.mov(0, 1), I.exit);
const BPF_F_SLEEPABLE = 16;

function load({ kernel }: Session, type: ProgType, attr: Load = {}): Fd {
  const { insns = RETURN_1 } = attr;
  const log = { log_level: 1, log_size: 4096, log_buf: new Uint8Array(4096) };
  const given = { prog_type: progTypeNumber[type], insn_cnt: insns.length / 8, license: 'GPL', ...log, ...attr, insns };
  return kernel.bpf('BPF_PROG_LOAD', given);
}

/** What comes of it, or what the log's first line says. */
function loaded(session: Session, type: ProgType, attr: Load = {}): unknown {
  const log_buf = new Uint8Array(4096);
  const answer = outcome(() => {
    session.kernel.close(load(session, type, { ...attr, log_buf }));
    return 'ok';
  });
  const text = new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0))).split('\n')[0];
  return answer === 'ok' || text === '' ? answer : `${answer} ${text}`;
}

/** The attach types that a program of this type may be loaded for. */
function attachTypes(session: Session, type: ProgType): string {
  const taken = ATTACH_TYPES.filter(
    (name) => loaded(session, type, { expected_attach_type: attachTypeNumber[name] }) === 'ok',
  );
  return taken.length === ATTACH_TYPES.length ? 'any' : taken.join(' ');
}

function testRun(session: Session, type: ProgType, attr: TestRun, loading: Load = {}): unknown {
  const prog_fd = load(session, type, loading);
  const given = { prog_fd, retval: 0, ...attr };
  const answer = outcome(() => session.kernel.bpf('BPF_PROG_TEST_RUN', given));
  session.kernel.close(prog_fd);
  return answer === 'ok' ? given.retval : answer;
}

/** A row: a test run of a program that returns the 64-bit word at `offset` of its context. */
function word(type: ProgType, offset: number, attr: TestRun, loading: Load = {}) {
  const insns = bytecode(I.load(8, 0, 1, offset), I.exit);
  return (session: Session) => testRun(session, type, attr, { ...loading, insns });
}

const words = (...values: readonly bigint[]) => new Uint8Array(BigUint64Array.from(values).buffer);
const context = (ctx_in: Uint8Array): TestRun => ({ ctx_in, ctx_size_in: ctx_in.length });
const SLEEPABLE: Load = { prog_flags: BPF_F_SLEEPABLE };
const LOOKUP: Load = { expected_attach_type: attachTypeNumber.sk_lookup };
const lookup = (asked: Parameters<typeof bpfSkLookup.encode>[0]) => context(bpfSkLookup.encode(asked));
const frame = (size: number): TestRun => ({ data_in: new Uint8Array(size), data_size_in: size });

/** For which hooks programs of a type may be loaded, where that is not all. */
const HOOKS: Readonly<Partial<Record<ProgType, string>>> = {
  cgroup_skb: 'cgroup_inet_ingress cgroup_inet_egress',
  cgroup_sock:
    'cgroup_inet_ingress cgroup_inet_sock_create cgroup_inet4_post_bind cgroup_inet6_post_bind cgroup_inet_sock_release',
  cgroup_sock_addr:
    'cgroup_inet4_bind cgroup_inet6_bind cgroup_inet4_connect cgroup_inet6_connect cgroup_udp4_sendmsg cgroup_udp6_sendmsg ' +
    'cgroup_udp4_recvmsg cgroup_udp6_recvmsg cgroup_inet4_getpeername cgroup_inet6_getpeername cgroup_inet4_getsockname ' +
    'cgroup_inet6_getsockname cgroup_unix_connect cgroup_unix_sendmsg cgroup_unix_recvmsg cgroup_unix_getpeername ' +
    'cgroup_unix_getsockname',
  cgroup_sockopt: 'cgroup_getsockopt cgroup_setsockopt',
  sk_lookup: 'sk_lookup',
  sk_reuseport: 'cgroup_inet_ingress sk_reuseport_select sk_reuseport_select_or_migrate',
  // Only 0, and only sleepable.
  syscall: '',
};
/** Types that load without one of those, and for which there are test runs: what a run without a context says of 64 bytes of data. */
// biome-ignore format: aligned table
const TEST_RUNS: Readonly<Partial<Record<ProgType, unknown>>> = {
  socket_filter: 1, sched_cls: 1, sched_act: 1, xdp: 1, cgroup_skb: 1, lwt_in: 1, lwt_out: 1, lwt_xmit: 1, flow_dissector: 1, raw_tracepoint: 'EINVAL',
};
// biome-ignore format: aligned table
const TYPES: readonly ProgType[] = [
  'socket_filter', 'kprobe', 'sched_cls', 'sched_act', 'tracepoint', 'xdp', 'perf_event', 'cgroup_skb', 'cgroup_sock', 'lwt_in', 'lwt_out', 'lwt_xmit',
  'sock_ops', 'sk_skb', 'cgroup_device', 'sk_msg', 'raw_tracepoint', 'cgroup_sock_addr', 'lwt_seg6local', 'sk_reuseport', 'flow_dissector',
  'cgroup_sysctl', 'raw_tracepoint_writable', 'cgroup_sockopt', 'sk_lookup', 'syscall',
];
const NOT_SLEEPABLE = 'EINVAL Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable';
const TWO = context(words(1n, 2n));

// biome-ignore format: aligned table
export const progTypeRows: readonly Row[] = [
  ...TYPES.map((type): Row => [`${type}: attach types`, (s) => attachTypes(s, type), HOOKS[type] ?? 'any']),
  ...TYPES.filter((type) => type !== 'kprobe' && (HOOKS[type] === undefined || type === 'cgroup_skb')).map(
    (type): Row => [`${type}: sleepable`, (s) => loaded(s, type, SLEEPABLE), NOT_SLEEPABLE],
  ),
  ['kprobe: sleepable',                       (s) => loaded(s, 'kprobe', SLEEPABLE),                                 'ok'],
  ['syscall: sleepable',                      (s) => loaded(s, 'syscall', SLEEPABLE),                                'ok'],
  ['syscall: not sleepable',                  (s) => loaded(s, 'syscall'),                                           'EINVAL Syscall programs can only be sleepable'],
  ...TYPES.filter((type) => HOOKS[type] === undefined || type === 'cgroup_skb').map(
    (type): Row => [`${type}: test run`, (s) => testRun(s, type, frame(64)), TEST_RUNS[type] ?? 'ENOTSUPP'],
  ),

  ['raw tracepoint',                          word('raw_tracepoint', 8, TWO),                                        2],
  ['raw tracepoint: 104 bytes',               word('raw_tracepoint', 8, context(new Uint8Array(104))),               'EINVAL'],
  ['raw tracepoint: data',                    word('raw_tracepoint', 0, { ...TWO, ...frame(14) }),                   'EINVAL'],
  ['raw tracepoint: repeated',                word('raw_tracepoint', 0, { ...TWO, repeat: 1 }),                      'EINVAL'],
  ['raw tracepoint: a CPU without the flag',  word('raw_tracepoint', 0, { ...TWO, cpu: 1 }),                         'EINVAL'],
  ['raw tracepoint: on a CPU',                word('raw_tracepoint', 0, { ...TWO, cpu: 0, flags: 1 }),               1],
  ['raw tracepoint: on a CPU that is not there', word('raw_tracepoint', 0, { ...TWO, cpu: 4000, flags: 1 }),         'ENXIO'],
  ['raw tracepoint: other flags',             word('raw_tracepoint', 0, { ...TWO, flags: 6 }),                       1],
  ['raw tracepoint: no context',              (s) => testRun(s, 'raw_tracepoint', {}),                               1],

  ['syscall',                                 word('syscall', 8, TWO, SLEEPABLE),                                    2],
  ['syscall: what it writes comes back',      syscallWrites,                                                         [7n, 2n]],
  ['syscall: repeated',                       word('syscall', 0, { ...TWO, repeat: 1 }, SLEEPABLE),                  'EINVAL'],
  ['syscall: flags',                          word('syscall', 0, { ...TWO, flags: 1 }, SLEEPABLE),                   'EINVAL'],
  ['syscall: a CPU',                          word('syscall', 0, { ...TWO, cpu: 1 }, SLEEPABLE),                     1],
  ['syscall: data',                           word('syscall', 0, { ...TWO, ...frame(14) }, SLEEPABLE),               'EINVAL'],

  ['socket lookup',                           (s) => testRun(s, 'sk_lookup', lookup({ family: 2 }), LOOKUP),         1],
  ['socket lookup: no context',               (s) => testRun(s, 'sk_lookup', {}, LOOKUP),                            'EINVAL'],
  ['socket lookup: another family',           (s) => testRun(s, 'sk_lookup', lookup({ family: 1 }), LOOKUP),         'EAFNOSUPPORT'],
  ['socket lookup: a port above 65535',       (s) => testRun(s, 'sk_lookup', lookup({ family: 10, local_port: 65536 }), LOOKUP), 'ERANGE'],
  ['socket lookup: a cookie',                 (s) => testRun(s, 'sk_lookup', lookup({ family: 10, cookie: 1n }), LOOKUP), 'EINVAL'],
  ['socket lookup: a device',                 (s) => testRun(s, 'sk_lookup', lookup({ family: 10, ingress_ifindex: 1 }), LOOKUP), 'EINVAL'],
  ['socket lookup: data',                     (s) => testRun(s, 'sk_lookup', { ...lookup({ family: 10 }), ...frame(14) }, LOOKUP), 'EINVAL'],

  ['flow dissector: 13 bytes',                (s) => testRun(s, 'flow_dissector', frame(13)),                        'EINVAL'],
  ['flow dissector: a page',                  (s) => testRun(s, 'flow_dissector', frame(4096)),                      1],
  ['flow dissector: more than a page',        (s) => testRun(s, 'flow_dissector', frame(4097)),                      'EINVAL'],
  ['flow dissector: flags of the run',        (s) => testRun(s, 'flow_dissector', { ...frame(34), flags: 1 }),       'EINVAL'],
  ['flow dissector: flags',                   (s) => testRun(s, 'flow_dissector', { ...frame(34), ...context(bpfFlowKeys.encode({ flags: 7 })) }), 1],
  ['flow dissector: other keys',              (s) => testRun(s, 'flow_dissector', { ...frame(34), ...context(bpfFlowKeys.encode({ nhoff: 7 })) }), 'EINVAL'],
  ['flow dissector: keys',                    dissected,                                                             { nhoff: 14, thoff: 34, n_proto: 0xdd86, ip_proto: 17, flags: 1, sport: 0x1414 }],
];

function syscallWrites(session: Session): unknown {
  const given = context(words(1n, 2n));
  const insns = bytecode(I.storeImm(8, 1, 0, 7), I.mov(0, 0), I.exit);
  testRun(session, 'syscall', given, { ...SLEEPABLE, insns });
  return [...new BigUint64Array(given.ctx_in?.buffer ?? new ArrayBuffer(0))];
}

/** A program that reads the first bytes of its data, and sets some keys and one that is out of range. */
function dissected(session: Session): unknown {
  const insns = bytecode(
    I.load(8, 6, 1, 144), // flow_keys
    I.load(4, 2, 1, 76), // data
    I.load(4, 3, 1, 80), // data_end
    I.movReg(4, 2),
    I.add(4, 20),
    { opcode: 0x2d, dst: 4, src: 3, off: 2 }, // if r4 > r3 goto
    I.load(1, 5, 2, 14),
    I.store(1, 6, 9, 5), // ip_proto
    I.storeImm(2, 6, 2, 1000), // thoff
    I.storeImm(2, 6, 12, 0x1414), // sport
    I.mov(0, 0),
    I.exit,
  );
  const data = new Uint8Array(34);
  data.set([0x86, 0xdd, 17], 12);
  const out: TestRun = { data_in: data, data_size_in: 34, data_out: new Uint8Array(56), data_size_out: 56 };
  testRun(session, 'flow_dissector', { ...out, ...context(bpfFlowKeys.encode({ flags: 1 })) }, { insns });
  const { nhoff, thoff, n_proto, ip_proto, flags, sport } = bpfFlowKeys.decode(out.data_out ?? data);
  return { nhoff, thoff, n_proto, ip_proto, flags, sport };
}
