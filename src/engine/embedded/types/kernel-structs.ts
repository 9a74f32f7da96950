import type { BtfInt } from '../../../btf/types.ts';
import type { Struct, StructFields } from '../../../bytes/struct.ts';
import { LINK_TYPES, MAP_TYPES, PROG_TYPES } from '../../../uapi/bpf.ts';
import {
  bpfCgroupDevCtx,
  bpfFlowKeys,
  bpfPerfEventData,
  bpfSkLookup,
  bpfSock,
  bpfSockAddr,
  bpfSockOps,
  bpfSockopt,
  bpfSysctl,
  bpfTcpSock,
  ptRegs,
  skMsgMd,
  skReuseportMd,
} from '../../../uapi/contexts.ts';
import { MAP_STRUCTS } from './map-structs.ts';

/** What contexts are called in C. */
export const CONTEXT_STRUCTS: Readonly<Record<string, Struct<StructFields>>> = {
  bpf_sock: bpfSock,
  bpf_tcp_sock: bpfTcpSock,
  bpf_sock_addr: bpfSockAddr,
  bpf_sock_ops: bpfSockOps,
  bpf_sockopt: bpfSockopt,
  bpf_sysctl: bpfSysctl,
  bpf_cgroup_dev_ctx: bpfCgroupDevCtx,
  sk_msg_md: skMsgMd,
  bpf_sk_lookup: bpfSkLookup,
  sk_reuseport_md: skReuseportMd,
  bpf_flow_keys: bpfFlowKeys,
  pt_regs: ptRegs,
  bpf_perf_event_data: bpfPerfEventData,
};

/** Enums by name, and the start of their values' names. Source: <linux/bpf.h>. */
export const ENUMS: Readonly<Record<string, { readonly prefix: string; readonly names: readonly string[] }>> = {
  bpf_map_type: { prefix: 'BPF_MAP_TYPE_', names: MAP_TYPES },
  bpf_prog_type: { prefix: 'BPF_PROG_TYPE_', names: PROG_TYPES },
  pid_type: { prefix: 'PIDTYPE_', names: ['pid', 'tgid', 'pgid', 'sid', 'max'] },
  bpf_link_type: { prefix: 'BPF_LINK_TYPE_', names: LINK_TYPES },
  bpf_struct_ops_state: { prefix: 'BPF_STRUCT_OPS_STATE_', names: ['init', 'inuse', 'tobefree', 'ready'] },
  tcp_ca_event: {
    prefix: 'CA_EVENT_',
    names: ['tx_start', 'cwnd_restart', 'complete_cwr', 'loss', 'ecn_no_ce', 'ecn_is_ce'],
  },
};

// Integers: bytes, and what they are.
// biome-ignore format: aligned table
export const INTS = {
  'unsigned char':          { size: 1, encoding: 'none' },
  'unsigned short':         { size: 2, encoding: 'none' },
  'unsigned int':           { size: 4, encoding: 'none' },
  'unsigned long':          { size: 8, encoding: 'none' },
  'unsigned long long':     { size: 8, encoding: 'none' },
  'short':                  { size: 2, encoding: 'signed' },
  'int':                    { size: 4, encoding: 'signed' },
  'long':                   { size: 8, encoding: 'signed' },
  'long long':              { size: 8, encoding: 'signed' },
  'char':                   { size: 1, encoding: 'signed' },
  '_Bool':                  { size: 1, encoding: 'bool' },
} as const satisfies Readonly<Record<string, { readonly size: number; readonly encoding: BtfInt['encoding'] }>>;

/** Other names for them. */
// biome-ignore format: a table
export const TYPEDEFS: Readonly<Record<string, string>> = {
  u8: 'unsigned char', u16: 'unsigned short', u32: 'unsigned int', u64: 'unsigned long long', s32: 'int', s64: 'long long', bool: '_Bool',
  s8: 'char', s16: 'short', size_t: 'unsigned long', ssize_t: 'long', loff_t: 'long long', pid_t: 'int', uid_t: 'unsigned int', gid_t: 'unsigned int',
  umode_t: 'unsigned short', dev_t: 'unsigned int', __u8: 'unsigned char', __u16: 'unsigned short', __u32: 'unsigned int', __s32: 'int',
  __u64: 'unsigned long long', __s64: 'long long', __be16: 'unsigned short', __be32: 'unsigned int', refcount_t: 'int',
};

/** Iterators: what programs for them are made for. */
export const ITERATORS: readonly string[] = [
  'int bpf_iter_bpf_map(struct bpf_iter_meta *meta, struct bpf_map *map)',
  'int bpf_iter_bpf_prog(struct bpf_iter_meta *meta, struct bpf_prog *prog)',
  'int bpf_iter_bpf_link(struct bpf_iter_meta *meta, struct bpf_link *link)',
  'int bpf_iter_bpf_map_elem(struct bpf_iter_meta *meta, struct bpf_map *map, void *key, void *value)',
];

/** Functions that stand for members of structs of functions: the names of their arguments say which may be NULL. */
export const STRUCT_OPS_STUBS: readonly string[] = [
  'int bpf_dummy_ops__test_1(struct bpf_dummy_ops_state *cb__nullable)',
];

/** Tracepoints with types, as Linux 6.18 declares them. Their first argument is not the program's. */
export const TYPED_TRACEPOINTS: readonly string[] = [
  'void (*btf_trace_sched_switch)(void *, bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)',
  'void (*btf_trace_sched_process_exec)(void *, struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)',
  'void (*btf_trace_sched_process_exit)(void *, struct task_struct *p, bool group_dead)',
  'void (*btf_trace_sys_enter)(void *, struct pt_regs *regs, long id)',
  'void (*btf_trace_sys_exit)(void *, struct pt_regs *regs, long ret)',
  'void (*btf_trace_bpf_trigger_tp)(void *, int nonce)',
  'void (*btf_trace_netif_receive_skb)(void *, struct sk_buff *skb)',
];

/**
 * The structs of the embedded kernel, as C: members one after the other, each aligned to its own size. Names, types and sizes of members are Linux's
 * (6.18); which members there are, and where they lie, is the embedded kernel's: programs that ask by CO-RE find them.
 */
// biome-ignore format: a table
export const STRUCTS: Readonly<Record<string, string>> = {
  __sk_buff:
    '__u32 len; __u32 pkt_type; __u32 mark; __u32 queue_mapping; __u32 protocol; __u32 vlan_present; __u32 vlan_tci; __u32 vlan_proto; __u32 priority; ' +
    '__u32 ingress_ifindex; __u32 ifindex; __u32 tc_index; __u32 cb[5]; __u32 hash; __u32 tc_classid; __u32 data; __u32 data_end; __u32 napi_id; __u32 family; ' +
    '__u32 remote_ip4; __u32 local_ip4; __u32 remote_ip6[4]; __u32 local_ip6[4]; __u32 remote_port; __u32 local_port; __u32 data_meta; ' +
    'struct bpf_flow_keys *flow_keys; __u64 tstamp; __u32 wire_len; __u32 gso_segs; struct bpf_sock *sk; __u32 gso_size; __u8 tstamp_type; __u64 hwtstamp',
  xdp_md: '__u32 data; __u32 data_end; __u32 data_meta; __u32 ingress_ifindex; __u32 rx_queue_index; __u32 egress_ifindex',

  seq_file: 'u64 size; u64 from; u64 count; u64 index',
  bpf_iter_meta: 'struct seq_file *seq; u64 session_id; u64 seq_num',
  bpf_iter__bpf_map: 'struct bpf_iter_meta *meta; struct bpf_map *map',
  bpf_iter__bpf_prog: 'struct bpf_iter_meta *meta; struct bpf_prog *prog',
  bpf_iter__bpf_link: 'struct bpf_iter_meta *meta; struct bpf_link *link',
  bpf_iter__bpf_map_elem: 'struct bpf_iter_meta *meta; struct bpf_map *map; void *key; void *value',
  // As the header of a map in linear memory lies: see MAP_HEADER_SIZE. `own` is of its type.
  bpf_map:
    'enum bpf_map_type map_type; u32 key_size; u32 value_size; u32 max_entries; u32 map_flags; u32 id; u64 map_extra; u64 own[4]; u32 btf_key_type_id; ' +
    'u32 btf_value_type_id; char name[16]',
  // What is behind it on Linux is elsewhere here.
  ...Object.fromEntries(Object.values(MAP_STRUCTS).map((name) => [name, 'struct bpf_map map'])),
  bpf_prog: 'enum bpf_prog_type type; u32 len; u8 tag[8]; struct bpf_prog_aux *aux',
  bpf_prog_aux: 'u32 used_map_cnt; u32 id; u64 load_time; struct bpf_prog *prog; char name[16]',
  bpf_link: 'u32 id; enum bpf_link_type type; struct bpf_prog *prog',

  // What programs for tracing are handed: the members that they read most.
  task_struct:
    'unsigned int __state; refcount_t usage; unsigned int flags; int on_cpu; int prio; struct mm_struct *mm; int exit_code; int exit_signal; pid_t pid; pid_t tgid; ' +
    'struct task_struct *real_parent; struct task_struct *parent; struct task_struct *group_leader; u64 start_time; u64 start_boottime; const struct cred *cred; char comm[16]; ' +
    'struct files_struct *files; struct nsproxy *nsproxy; struct css_set *cgroups',
  mm_struct: 'unsigned long start_code; unsigned long end_code; unsigned long start_stack; unsigned long arg_start; unsigned long arg_end; struct file *exe_file',
  cred: 'uid_t uid; gid_t gid; uid_t suid; gid_t sgid; uid_t euid; gid_t egid',
  files_struct: 'int next_fd',
  nsproxy: 'int count',
  css_set: 'struct cgroup *dfl_cgrp',
  cgroup_subsys_state: 'struct cgroup *cgroup; struct cgroup_subsys_state *parent',
  cgroup: 'struct cgroup_subsys_state self; unsigned long flags; int level; struct kernfs_node *kn',
  kernfs_node: 'const char *name; u64 id',
  rq: 'int cpu; int online',
  inode: 'umode_t i_mode; uid_t i_uid; gid_t i_gid; unsigned long i_ino; dev_t i_rdev; loff_t i_size',
  dentry: 'struct dentry *d_parent; struct inode *d_inode; unsigned char d_shortname[40]',
  file: 'unsigned int f_mode; unsigned int f_flags; struct inode *f_inode; loff_t f_pos; struct dentry *f_dentry; const struct cred *f_cred',
  linux_binprm: 'struct file *file; const struct cred *cred; int argc; int envc; const char *filename; const char *interp',
  socket: 'int state; short type; unsigned long flags; struct file *file',
  sockaddr: 'u16 sa_family; char sa_data[14]',
  net_device: 'char name[16]; int ifindex; unsigned int mtu; unsigned int flags',
  sk_buff:
    'struct sk_buff *next; struct sk_buff *prev; struct net_device *dev; char cb[48]; unsigned int len; unsigned int data_len; __u16 mac_len; __u16 hdr_len; ' +
    '__u16 queue_mapping; __u8 pkt_type; __u16 tc_index; __u32 priority; int skb_iif; __u32 hash; __be16 vlan_proto; __u16 vlan_tci; __u32 mark; __be16 protocol; ' +
    '__u16 transport_header; __u16 network_header; __u16 mac_header; unsigned int tail; unsigned int end; unsigned char *head; unsigned char *data; unsigned int truesize',
  xdp_buff: 'void *data; void *data_end; void *data_meta; void *data_hard_start; struct xdp_rxq_info *rxq; u32 frame_sz; u32 flags',
  xdp_rxq_info: 'struct net_device *dev; u32 queue_index',
  nf_hook_state: 'u8 hook; u8 pf; struct net_device *in; struct net_device *out',
  bpf_nf_ctx: 'const struct nf_hook_state *state; struct sk_buff *skb',
  bpf_fentry_test_t: 'struct bpf_fentry_test_t *a',

  // What functions of a congestion control are handed.
  sock_common: '__be32 skc_daddr; __be32 skc_rcv_saddr; __be16 skc_dport; __u16 skc_num; unsigned short skc_family; unsigned char skc_state; int skc_bound_dev_if',
  sock: 'struct sock_common __sk_common; __u32 sk_priority; __u32 sk_mark; unsigned long sk_pacing_rate; unsigned long sk_max_pacing_rate; u32 sk_pacing_status; int sk_sndbuf; int sk_rcvbuf',
  inet_sock: 'struct sock sk',
  inet_connection_sock:
    'struct inet_sock icsk_inet; __u32 icsk_rto; const struct tcp_congestion_ops *icsk_ca_ops; __u8 icsk_retransmits; u64 icsk_ca_priv[13]',
  tcp_sock:
    'struct inet_connection_sock inet_conn; u32 snd_wnd; u32 mss_cache; u32 snd_cwnd; u32 sacked_out; u32 lost_out; u32 retrans_out; u32 snd_ssthresh; u32 write_seq; ' +
    'u32 rcv_nxt; u32 snd_nxt; u32 snd_una; u32 srtt_us; u32 packets_out; u32 delivered; u32 app_limited; u8 ecn_flags; u64 tcp_mstamp; u64 bytes_acked; ' +
    'u32 snd_cwnd_cnt; u32 snd_cwnd_clamp; u32 snd_cwnd_used; u32 snd_cwnd_stamp; u32 max_packets_out; u32 prior_cwnd; u32 prior_ssthresh; u32 high_seq; u32 total_retrans',
  ack_sample: 'u32 pkts_acked; s32 rtt_us; u32 in_flight',
  rate_sample:
    'u64 prior_mstamp; u32 prior_delivered; u32 prior_delivered_ce; s32 delivered; s32 delivered_ce; long interval_us; u32 snd_interval_us; u32 rcv_interval_us; ' +
    'long rtt_us; int losses; u32 acked_sacked; u32 prior_in_flight; u32 last_end_seq; bool is_app_limited; bool is_retrans; bool is_ack_delayed',

  // Structs of functions that programs may fill, and what maps of them hold.
  module: 'char name[56]',
  list_head: 'struct list_head *next; struct list_head *prev',
  tcp_congestion_ops:
    'u32 (*ssthresh)(struct sock *); void (*cong_avoid)(struct sock *, u32, u32); void (*set_state)(struct sock *, u8); ' +
    'void (*cwnd_event)(struct sock *, enum tcp_ca_event); void (*in_ack_event)(struct sock *, u32); ' +
    'void (*pkts_acked)(struct sock *, const struct ack_sample *); u32 (*min_tso_segs)(struct sock *); ' +
    'void (*cong_control)(struct sock *, u32, int, const struct rate_sample *); u32 (*undo_cwnd)(struct sock *); u32 (*sndbuf_expand)(struct sock *); ' +
    'size_t (*get_info)(struct sock *, u32, int *, void *); char name[16]; struct module *owner; struct list_head list; u32 key; u32 flags; ' +
    'void (*init)(struct sock *); void (*release)(struct sock *)',
  bpf_dummy_ops_state: 'int val',
  bpf_dummy_ops:
    'int (*test_1)(struct bpf_dummy_ops_state *cb); int (*test_2)(struct bpf_dummy_ops_state *cb, int a1, unsigned short a2, char a3, unsigned long a4); ' +
    'int (*test_sleepable)(struct bpf_dummy_ops_state *cb)',
  bpf_map_info:
    '__u32 type; __u32 id; __u32 key_size; __u32 value_size; __u32 max_entries; __u32 map_flags; char name[16]; __u32 ifindex; __u32 btf_vmlinux_value_type_id; ' +
    '__u64 netns_dev; __u64 netns_ino; __u32 btf_id; __u32 btf_key_type_id; __u32 btf_value_type_id; __u32 btf_vmlinux_id; __u64 map_extra; __u64 hash; __u32 hash_size',
  bpf_struct_ops_common_value: 'refcount_t refcnt; enum bpf_struct_ops_state state',
  bpf_struct_ops_tcp_congestion_ops: 'struct bpf_struct_ops_common_value common; struct tcp_congestion_ops data',
  bpf_struct_ops_bpf_dummy_ops: 'struct bpf_struct_ops_common_value common; struct bpf_dummy_ops data',

  // What functions of the kernel are given: what is in them is the kernel's.
  bpf_dynptr: '__u64 __opaque[2]',
  bpf_iter_num: '__u64 __opaque[1]',
  bpf_iter_bits: '__u64 __opaque[2]',
  bpf_iter_task: '__u64 __opaque[3]',
  bpf_wq: '__u64 __opaque[2]',
  bpf_res_spin_lock: 'u32 val',
  bpf_list_head: '__u64 __opaque[2]',
  bpf_list_node: '__u64 __opaque[3]',
  bpf_rb_root: '__u64 __opaque[2]',
  bpf_rb_node: '__u64 __opaque[4]',
  cpumask: 'unsigned long bits[1]',
  bpf_cpumask: 'struct cpumask cpumask; unsigned int usage',
};
