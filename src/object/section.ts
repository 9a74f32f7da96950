import { UsageError } from '../errors.ts';
import { type AttachType, BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS, PROG_TYPES, type ProgType } from '../uapi/bpf.ts';

/** What the name of a program's section says. */
export interface SectionRule {
  /** `name`: exactly this. `name+`: this, or this and `/anything`. `name~`: this, or, where no other row says more, whatever begins with it. */
  readonly pattern: string;
  readonly type: ProgType;
  readonly attachType: AttachType | undefined;
  /** BPF_F_*. */
  readonly flags: number;
}

type Row = readonly [pattern: string, type: ProgType, attachType?: AttachType | undefined, flags?: number];
const S = BPF_F_SLEEPABLE;
const F = BPF_F_XDP_HAS_FRAGS;

/**
 * Section names and the program types they stand for, first match wins. Source: libbpf's SEC() names up to 1.7 that Linux 6.18 has a program type
 * for. Before 1.0 libbpf took the rows with `~` as prefixes (`socket1`, `xdp_drop`, `tc_egress`, `classifier/second`), and so do we where no row
 * matches otherwise: then the longest of them counts. The rows after the comment are those of other loaders.
 */
// biome-ignore format: aligned table
const ROWS: readonly Row[] = [
  ['socket~',               'socket_filter'],
  ['sk_reuseport/migrate~', 'sk_reuseport',     'sk_reuseport_select_or_migrate'],
  ['sk_reuseport~',         'sk_reuseport',     'sk_reuseport_select'],
  ['kprobe+',               'kprobe'],
  ['uprobe+',               'kprobe'],
  ['uprobe.s+',             'kprobe',           undefined,                S],
  ['kretprobe+',            'kprobe'],
  ['uretprobe+',            'kprobe'],
  ['uretprobe.s+',          'kprobe',           undefined,                S],
  ['kprobe.multi+',         'kprobe',           'trace_kprobe_multi'],
  ['kretprobe.multi+',      'kprobe',           'trace_kprobe_multi'],
  ['kprobe.session+',       'kprobe',           'trace_kprobe_session'],
  ['uprobe.multi+',         'kprobe',           'trace_uprobe_multi'],
  ['uretprobe.multi+',      'kprobe',           'trace_uprobe_multi'],
  ['uprobe.session+',       'kprobe',           'trace_uprobe_session'],
  ['uprobe.multi.s+',       'kprobe',           'trace_uprobe_multi',     S],
  ['uretprobe.multi.s+',    'kprobe',           'trace_uprobe_multi',     S],
  ['uprobe.session.s+',     'kprobe',           'trace_uprobe_session',   S],
  ['ksyscall+',             'kprobe'],
  ['kretsyscall+',          'kprobe'],
  ['usdt+',                 'kprobe'],
  ['usdt.s+',               'kprobe',           undefined,                S],
  ['tc/ingress',            'sched_cls',        'tcx_ingress'],
  ['tc/egress',             'sched_cls',        'tcx_egress'],
  ['tcx/ingress',           'sched_cls',        'tcx_ingress'],
  ['tcx/egress',            'sched_cls',        'tcx_egress'],
  ['tc~',                   'sched_cls'],
  ['classifier~',           'sched_cls'],
  ['action~',               'sched_act'],
  ['netkit/primary',        'sched_cls',        'netkit_primary'],
  ['netkit/peer',           'sched_cls',        'netkit_peer'],
  ['tracepoint+',           'tracepoint'],
  ['tp+',                   'tracepoint'],
  ['tracepoint.s+',         'tracepoint',       undefined,                S],
  ['tp.s+',                 'tracepoint',       undefined,                S],
  ['raw_tracepoint+',       'raw_tracepoint'],
  ['raw_tp+',               'raw_tracepoint'],
  ['raw_tracepoint.s+',     'raw_tracepoint',   undefined,                S],
  ['raw_tp.s+',             'raw_tracepoint',   undefined,                S],
  ['raw_tracepoint.w+',     'raw_tracepoint_writable'],
  ['raw_tp.w+',             'raw_tracepoint_writable'],
  ['tp_btf+',               'tracing',          'trace_raw_tp'],
  ['tp_btf.s+',             'tracing',          'trace_raw_tp',           S],
  ['fentry+',               'tracing',          'trace_fentry'],
  ['fmod_ret+',             'tracing',          'modify_return'],
  ['fexit+',                'tracing',          'trace_fexit'],
  ['fentry.s+',             'tracing',          'trace_fentry',           S],
  ['fmod_ret.s+',           'tracing',          'modify_return',          S],
  ['fexit.s+',              'tracing',          'trace_fexit',            S],
  ['freplace+',             'ext'],
  ['lsm+',                  'lsm',              'lsm_mac'],
  ['lsm.s+',                'lsm',              'lsm_mac',                S],
  ['lsm_cgroup+',           'lsm',              'lsm_cgroup'],
  ['iter+',                 'tracing',          'trace_iter'],
  ['iter.s+',               'tracing',          'trace_iter',             S],
  ['syscall~',              'syscall',          undefined,                S],
  ['xdp.frags/devmap',      'xdp',              'xdp_devmap',             F],
  ['xdp/devmap',            'xdp',              'xdp_devmap'],
  ['xdp.frags/cpumap',      'xdp',              'xdp_cpumap',             F],
  ['xdp/cpumap',            'xdp',              'xdp_cpumap'],
  ['xdp.frags',             'xdp',              'xdp',                    F],
  ['xdp~',                  'xdp',              'xdp'],
  ['perf_event~',           'perf_event'],
  ['lwt_in~',               'lwt_in'],
  ['lwt_out~',              'lwt_out'],
  ['lwt_xmit~',             'lwt_xmit'],
  ['lwt_seg6local~',        'lwt_seg6local'],
  ['sockops~',              'sock_ops',         'cgroup_sock_ops'],
  ['sk_skb/stream_parser~', 'sk_skb',           'sk_skb_stream_parser'],
  ['sk_skb/stream_verdict~', 'sk_skb',           'sk_skb_stream_verdict'],
  ['sk_skb/verdict',        'sk_skb',           'sk_skb_verdict'],
  ['sk_skb~',               'sk_skb'],
  ['sk_msg~',               'sk_msg',           'sk_msg_verdict'],
  ['lirc_mode2~',           'lirc_mode2',       'lirc_mode2'],
  ['flow_dissector~',       'flow_dissector',   'flow_dissector'],
  ['cgroup_skb/ingress~',   'cgroup_skb',       'cgroup_inet_ingress'],
  ['cgroup_skb/egress~',    'cgroup_skb',       'cgroup_inet_egress'],
  ['cgroup/skb~',           'cgroup_skb'],
  ['cgroup/sock_create~',   'cgroup_sock',      'cgroup_inet_sock_create'],
  ['cgroup/sock_release~',  'cgroup_sock',      'cgroup_inet_sock_release'],
  ['cgroup/sock~',          'cgroup_sock',      'cgroup_inet_sock_create'],
  ['cgroup/post_bind4~',    'cgroup_sock',      'cgroup_inet4_post_bind'],
  ['cgroup/post_bind6~',    'cgroup_sock',      'cgroup_inet6_post_bind'],
  ['cgroup/bind4~',         'cgroup_sock_addr', 'cgroup_inet4_bind'],
  ['cgroup/bind6~',         'cgroup_sock_addr', 'cgroup_inet6_bind'],
  ['cgroup/connect4~',      'cgroup_sock_addr', 'cgroup_inet4_connect'],
  ['cgroup/connect6~',      'cgroup_sock_addr', 'cgroup_inet6_connect'],
  ['cgroup/connect_unix',   'cgroup_sock_addr', 'cgroup_unix_connect'],
  ['cgroup/sendmsg4~',      'cgroup_sock_addr', 'cgroup_udp4_sendmsg'],
  ['cgroup/sendmsg6~',      'cgroup_sock_addr', 'cgroup_udp6_sendmsg'],
  ['cgroup/sendmsg_unix',   'cgroup_sock_addr', 'cgroup_unix_sendmsg'],
  ['cgroup/recvmsg4~',      'cgroup_sock_addr', 'cgroup_udp4_recvmsg'],
  ['cgroup/recvmsg6~',      'cgroup_sock_addr', 'cgroup_udp6_recvmsg'],
  ['cgroup/recvmsg_unix',   'cgroup_sock_addr', 'cgroup_unix_recvmsg'],
  ['cgroup/getpeername4~',  'cgroup_sock_addr', 'cgroup_inet4_getpeername'],
  ['cgroup/getpeername6~',  'cgroup_sock_addr', 'cgroup_inet6_getpeername'],
  ['cgroup/getpeername_unix', 'cgroup_sock_addr', 'cgroup_unix_getpeername'],
  ['cgroup/getsockname4~',  'cgroup_sock_addr', 'cgroup_inet4_getsockname'],
  ['cgroup/getsockname6~',  'cgroup_sock_addr', 'cgroup_inet6_getsockname'],
  ['cgroup/getsockname_unix', 'cgroup_sock_addr', 'cgroup_unix_getsockname'],
  ['cgroup/sysctl~',        'cgroup_sysctl',    'cgroup_sysctl'],
  ['cgroup/getsockopt~',    'cgroup_sockopt',   'cgroup_getsockopt'],
  ['cgroup/setsockopt~',    'cgroup_sockopt',   'cgroup_setsockopt'],
  ['cgroup/dev~',           'cgroup_device',    'cgroup_device'],
  ['struct_ops+',           'struct_ops'],
  ['struct_ops.s+',         'struct_ops',       undefined,                S],
  ['sk_lookup',             'sk_lookup',        'sk_lookup'],
  ['netfilter',             'netfilter',        'netfilter'],
  // Old spellings of libbpf, and those of gobpf.
  ['xdp_devmap~',           'xdp',              'xdp_devmap'],
  ['xdp_cpumap~',           'xdp',              'xdp_cpumap'],
  ['sched_cls+',            'sched_cls'],
  ['sched_act+',            'sched_act'],
];

const RULES: readonly SectionRule[] = ROWS.map(([pattern, type, attachType, flags = 0]) => ({
  pattern,
  type,
  attachType,
  flags,
}));

const EXACT = new Map(RULES.map((rule) => [rule.pattern.replace(/[+~]$/, ''), rule]));
const DIRECTORIES = RULES.filter(({ pattern }) => pattern.endsWith('+')).map(
  (rule) => [`${rule.pattern.slice(0, -1)}/`, rule] as const,
);
/** The longest first. */
const PREFIXES = RULES.filter(({ pattern }) => pattern.endsWith('~'))
  .map((rule) => [rule.pattern.slice(0, -1), rule] as const)
  .sort(([a], [b]) => b.length - a.length);

/** What a section's name says; `undefined` if it says nothing, as with tc's free names. */
export function sectionRule(section: string): SectionRule | undefined {
  return strictRule(section) ?? PREFIXES.find(([stem]) => section.startsWith(stem))?.[1];
}

function strictRule(section: string): SectionRule | undefined {
  return EXACT.get(section) ?? DIRECTORIES.find(([stem]) => section.startsWith(stem))?.[1];
}

/** A program type as a user names it: by bpftool's name (`sched_cls`), or by a section name that stands for it (`classifier`, `xdp`, `cgroup/skb`). */
export function programTypeOf(word: string): ProgType {
  const type = PROG_TYPES.find((name) => name === word && name !== 'unspec') ?? strictRule(word)?.type;
  if (type !== undefined) return type;
  throw new UsageError(`${word} is no program type; known are ${PROG_TYPES.slice(1).join(', ')}`);
}
