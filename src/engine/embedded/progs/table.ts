import { progTypeNumber } from '../../../uapi/bpf.ts';
import type { ProgType } from './prog-type.ts';

// biome-ignore format: aligned table
const SOCKET_ADDRESS_HOOKS = [
  'cgroup_inet4_bind', 'cgroup_inet6_bind', 'cgroup_inet4_connect', 'cgroup_inet6_connect', 'cgroup_unix_connect',
  'cgroup_inet4_getpeername', 'cgroup_inet6_getpeername', 'cgroup_unix_getpeername',
  'cgroup_inet4_getsockname', 'cgroup_inet6_getsockname', 'cgroup_unix_getsockname',
  'cgroup_udp4_sendmsg', 'cgroup_udp6_sendmsg', 'cgroup_unix_sendmsg', 'cgroup_udp4_recvmsg', 'cgroup_udp6_recvmsg', 'cgroup_unix_recvmsg',
] as const;
const SOCKET_HOOKS = [
  'cgroup_inet_sock_create',
  'cgroup_inet_sock_release',
  'cgroup_inet4_post_bind',
  'cgroup_inet6_post_bind',
] as const;

/** What its result means is said where it is run: hooks/, net/. */
// biome-ignore format: aligned table
const PROG_TYPES: readonly ProgType[] = [
  { name: 'socket_filter', context: '__sk_buff', packetLoads: true, testRun: 'skb' },
  { name: 'sched_cls', context: '__sk_buff', linkHeader: true, packetLoads: true, testRun: 'skb' },
  { name: 'sched_act', context: '__sk_buff', linkHeader: true, packetLoads: true, testRun: 'skb' },
  { name: 'xdp', context: 'xdp_md', linkHeader: true, testRun: 'xdp' },
  { name: 'lwt_in', context: '__sk_buff', testRun: 'skb' },
  { name: 'lwt_out', context: '__sk_buff', testRun: 'skb' },
  { name: 'lwt_xmit', context: '__sk_buff', testRun: 'skb' },
  { name: 'lwt_seg6local', context: '__sk_buff' },
  { name: 'flow_dissector', context: '__sk_buff', testRun: 'flow_dissector' },

  { name: 'cgroup_skb', context: '__sk_buff', attachTypes: ['cgroup_inet_ingress', 'cgroup_inet_egress'], testRun: 'skb' },
  { name: 'cgroup_sock', context: 'bpf_sock', attachTypes: SOCKET_HOOKS, defaultAttachType: 'cgroup_inet_sock_create' },
  { name: 'cgroup_sock_addr', context: 'bpf_sock_addr', attachTypes: SOCKET_ADDRESS_HOOKS },
  { name: 'cgroup_sockopt', context: 'bpf_sockopt', attachTypes: ['cgroup_getsockopt', 'cgroup_setsockopt'] },
  { name: 'cgroup_sysctl', context: 'bpf_sysctl' },
  { name: 'cgroup_device', context: 'bpf_cgroup_dev_ctx' },

  { name: 'sock_ops', context: 'bpf_sock_ops' },
  { name: 'sk_skb', context: '__sk_buff' },
  { name: 'sk_msg', context: 'sk_msg_md' },
  { name: 'sk_lookup', context: 'bpf_sk_lookup', attachTypes: ['sk_lookup'], testRun: 'sk_lookup' },
  {
    name: 'sk_reuseport', context: 'sk_reuseport_md', attachTypes: ['sk_reuseport_select', 'sk_reuseport_select_or_migrate'],
    defaultAttachType: 'sk_reuseport_select',
  },

  { name: 'netfilter', context: 'bpf_nf_ctx', attachTypes: ['netfilter'], testRun: 'netfilter' },

  { name: 'kprobe', context: 'pt_regs', sleepable: 'may' },
  { name: 'tracepoint', context: 'record' },
  { name: 'perf_event', context: 'bpf_perf_event_data' },
  { name: 'raw_tracepoint', context: 'args', testRun: 'raw' },
  { name: 'raw_tracepoint_writable', context: 'args' },
  { name: 'tracing', context: 'args', sleepable: 'may', testRun: 'tracing' },
  { name: 'lsm', context: 'args', sleepable: 'may' },
  { name: 'struct_ops', context: 'args', sleepable: 'may', testRun: 'struct_ops' },
  { name: 'ext', context: 'args', attachTypes: [] },
  { name: 'syscall', context: 'record', sleepable: 'always', attachTypes: [], testRun: 'syscall' },
];

/** Every program type of the embedded kernel, by BPF_PROG_TYPE_*. */
export const PROG_TYPE_BY_NUMBER: ReadonlyMap<number, ProgType> = new Map(
  PROG_TYPES.map((type) => [progTypeNumber[type.name], type]),
);
