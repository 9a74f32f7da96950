/**
 * Numbers and lower-case names of <linux/bpf.h> as of Linux 6.18. The names are bpftool's spelling and are what the public API uses.
 * Index = number.
 */

// biome-ignore format: ten a line, so that a number can be counted
export const MAP_TYPES = [
  'unspec', 'hash', 'array', 'prog_array', 'perf_event_array', 'percpu_hash', 'percpu_array', 'stack_trace', 'cgroup_array', 'lru_hash',
  'lru_percpu_hash', 'lpm_trie', 'array_of_maps', 'hash_of_maps', 'devmap', 'sockmap', 'cpumap', 'xskmap', 'sockhash', 'cgroup_storage',
  'reuseport_sockarray', 'percpu_cgroup_storage', 'queue', 'stack', 'sk_storage', 'devmap_hash', 'struct_ops', 'ringbuf', 'inode_storage', 'task_storage',
  'bloom_filter', 'user_ringbuf', 'cgrp_storage', 'arena',
] as const;
export type MapType = (typeof MAP_TYPES)[number];

const PER_CPU_MAPS = new Set<MapType | undefined>([
  'percpu_hash',
  'percpu_array',
  'lru_percpu_hash',
  'percpu_cgroup_storage',
]);

/** Whether values of this type, a name or a number, have one slot for each possible CPU. */
export function isPerCpuMap(type: MapType | number): boolean {
  return PER_CPU_MAPS.has(typeof type === 'number' ? MAP_TYPES[type] : type);
}

// biome-ignore format: ten a line, so that a number can be counted
export const PROG_TYPES = [
  'unspec', 'socket_filter', 'kprobe', 'sched_cls', 'sched_act', 'tracepoint', 'xdp', 'perf_event', 'cgroup_skb', 'cgroup_sock',
  'lwt_in', 'lwt_out', 'lwt_xmit', 'sock_ops', 'sk_skb', 'cgroup_device', 'sk_msg', 'raw_tracepoint', 'cgroup_sock_addr', 'lwt_seg6local',
  'lirc_mode2', 'sk_reuseport', 'flow_dissector', 'cgroup_sysctl', 'raw_tracepoint_writable', 'cgroup_sockopt', 'tracing', 'struct_ops', 'ext', 'lsm',
  'sk_lookup', 'syscall', 'netfilter',
] as const;
export type ProgType = (typeof PROG_TYPES)[number];

// biome-ignore format: by number
export const ATTACH_TYPES = [
  /*  0 */ 'cgroup_inet_ingress', 'cgroup_inet_egress', 'cgroup_inet_sock_create', 'cgroup_sock_ops', 'sk_skb_stream_parser',
  /*  5 */ 'sk_skb_stream_verdict', 'cgroup_device', 'sk_msg_verdict', 'cgroup_inet4_bind', 'cgroup_inet6_bind',
  /* 10 */ 'cgroup_inet4_connect', 'cgroup_inet6_connect', 'cgroup_inet4_post_bind', 'cgroup_inet6_post_bind', 'cgroup_udp4_sendmsg',
  /* 15 */ 'cgroup_udp6_sendmsg', 'lirc_mode2', 'flow_dissector', 'cgroup_sysctl', 'cgroup_udp4_recvmsg',
  /* 20 */ 'cgroup_udp6_recvmsg', 'cgroup_getsockopt', 'cgroup_setsockopt', 'trace_raw_tp', 'trace_fentry',
  /* 25 */ 'trace_fexit', 'modify_return', 'lsm_mac', 'trace_iter', 'cgroup_inet4_getpeername',
  /* 30 */ 'cgroup_inet6_getpeername', 'cgroup_inet4_getsockname', 'cgroup_inet6_getsockname', 'xdp_devmap', 'cgroup_inet_sock_release',
  /* 35 */ 'xdp_cpumap', 'sk_lookup', 'xdp', 'sk_skb_verdict', 'sk_reuseport_select',
  /* 40 */ 'sk_reuseport_select_or_migrate', 'perf_event', 'trace_kprobe_multi', 'lsm_cgroup', 'struct_ops',
  /* 45 */ 'netfilter', 'tcx_ingress', 'tcx_egress', 'trace_uprobe_multi', 'cgroup_unix_connect',
  /* 50 */ 'cgroup_unix_sendmsg', 'cgroup_unix_recvmsg', 'cgroup_unix_getpeername', 'cgroup_unix_getsockname', 'netkit_primary',
  /* 55 */ 'netkit_peer', 'trace_kprobe_session', 'trace_uprobe_session',
] as const;
export type AttachType = (typeof ATTACH_TYPES)[number];

// biome-ignore format: by number
export const LINK_TYPES = [
  'unspec', 'raw_tracepoint', 'tracing', 'cgroup', 'iter', 'netns', 'xdp', 'perf_event', 'kprobe_multi', 'struct_ops',
  'netfilter', 'tcx', 'uprobe_multi', 'netkit', 'sockmap',
] as const;
export type LinkType = (typeof LINK_TYPES)[number];

/** The number of a name in one of the tables above; the names are their own index. */
function numbers<N extends string>(table: readonly N[]): Readonly<Record<N, number>> {
  return Object.fromEntries(table.map((name, n) => [name, n])) as Record<N, number>; // fromEntries loses the keys
}
export const mapTypeNumber = numbers(MAP_TYPES);
export const progTypeNumber = numbers(PROG_TYPES);
export const attachTypeNumber = numbers(ATTACH_TYPES);
export const linkTypeNumber = numbers(LINK_TYPES);

// BPF_MAP_CREATE map_flags. RDONLY and WRONLY restrict only the fd that the call returns.
export const BPF_F_NO_PREALLOC = 1 << 0;
export const BPF_F_NO_COMMON_LRU = 1 << 1;
export const BPF_F_NUMA_NODE = 1 << 2;
export const BPF_F_RDONLY = 1 << 3;
export const BPF_F_WRONLY = 1 << 4;
export const BPF_F_STACK_BUILD_ID = 1 << 5;
export const BPF_F_ZERO_SEED = 1 << 6;
export const BPF_F_RDONLY_PROG = 1 << 7;
export const BPF_F_WRONLY_PROG = 1 << 8;
export const BPF_F_CLONE = 1 << 9;
export const BPF_F_MMAPABLE = 1 << 10;
export const BPF_F_PRESERVE_ELEMS = 1 << 11;
export const BPF_F_INNER_MAP = 1 << 12;
export const BPF_F_LINK = 1 << 13;
/** Of maps, programs and BTF: there is the fd of a token. */
export const BPF_F_TOKEN_FD = 1 << 16;
/** BPF_OBJ_PIN and BPF_OBJ_GET only: `path_fd` is set. */
export const BPF_F_PATH_FD = 1 << 14;
export const BPF_F_VTYPE_BTF_OBJ_FD = 1 << 15;
/** Arenas: user space that touches a page that no program has allocated gets SIGSEGV. */
export const BPF_F_SEGV_ON_FAULT = 1 << 17;
/** Arenas: pointers of programs stay as they are. */
export const BPF_F_NO_USER_CONV = 1 << 18;

// BPF_MAP_UPDATE_ELEM flags.
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;
export const BPF_F_LOCK = 4;

// BPF_PROG_LOAD prog_flags.
export const BPF_F_STRICT_ALIGNMENT = 1 << 0;
export const BPF_F_ANY_ALIGNMENT = 1 << 1;
export const BPF_F_TEST_RND_HI32 = 1 << 2;
export const BPF_F_TEST_STATE_FREQ = 1 << 3;
export const BPF_F_SLEEPABLE = 1 << 4;
export const BPF_F_XDP_HAS_FRAGS = 1 << 5;
export const BPF_F_XDP_DEV_BOUND_ONLY = 1 << 6;
export const BPF_F_TEST_REG_INVARIANTS = 1 << 7;

/** Bytes of a map or program name with its NUL; characters [A-Za-z0-9_.]. */
export const BPF_OBJ_NAME_LEN = 16;
/** Bytes of a program tag. */
export const BPF_TAG_SIZE = 8;
export const BPF_FS_MAGIC = 0xcafe4a11;

// What a tc program returns (<linux/pkt_cls.h>).
export const TC_ACT_UNSPEC = -1;
export const TC_ACT_OK = 0;
export const TC_ACT_RECLASSIFY = 1;
export const TC_ACT_SHOT = 2;
export const TC_ACT_PIPE = 3;
export const TC_ACT_STOLEN = 4;
export const TC_ACT_QUEUED = 5;
export const TC_ACT_REPEAT = 6;
export const TC_ACT_REDIRECT = 7;
export const TC_ACT_TRAP = 8;

// Verdicts of actions that have a number in them: the kind in the upper four bits, below it the number of a chain, or of actions to skip.
export const TC_ACT_JUMP = 0x10000000;
export const TC_ACT_GOTO_CHAIN = 0x20000000;
export const TC_ACT_EXT_VAL_MASK = 0x0fffffff;
