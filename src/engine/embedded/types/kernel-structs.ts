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
  bpf_link_type: { prefix: 'BPF_LINK_TYPE_', names: LINK_TYPES },
};

// Integers: bytes, and what they are.
// biome-ignore format: aligned table
export const INTS = {
  'unsigned char':          { size: 1, encoding: 'none' },
  'unsigned short':         { size: 2, encoding: 'none' },
  'unsigned int':           { size: 4, encoding: 'none' },
  'unsigned long':          { size: 8, encoding: 'none' },
  'unsigned long long':     { size: 8, encoding: 'none' },
  'int':                    { size: 4, encoding: 'signed' },
  'long long':              { size: 8, encoding: 'signed' },
  'char':                   { size: 1, encoding: 'signed' },
  '_Bool':                  { size: 1, encoding: 'bool' },
} as const satisfies Readonly<Record<string, { readonly size: number; readonly encoding: BtfInt['encoding'] }>>;

/** Other names for them. */
// biome-ignore format: a table
export const TYPEDEFS: Readonly<Record<string, string>> = {
  u8: 'unsigned char', u16: 'unsigned short', u32: 'unsigned int', u64: 'unsigned long long', s32: 'int', s64: 'long long', bool: '_Bool',
  size_t: 'unsigned long', __u32: 'unsigned int', __u64: 'unsigned long long', __be16: 'unsigned short',
};

/** What programs are made for, by attach_btf_id. */
export const FUNCTIONS: readonly string[] = [
  'int bpf_iter_bpf_map(struct bpf_iter_meta *meta, struct bpf_map *map)',
  'int bpf_iter_bpf_prog(struct bpf_iter_meta *meta, struct bpf_prog *prog)',
  'int bpf_iter_bpf_link(struct bpf_iter_meta *meta, struct bpf_link *link)',
];

/**
 * The structs of the embedded kernel, as C: members one after the other, each aligned to its own size. Names, types and sizes of members are Linux's
 * (6.18); which members there are, and where they lie, is the embedded kernel's: programs that ask by CO-RE find them.
 */
// biome-ignore format: a table
export const STRUCTS: Readonly<Record<string, string>> = {
  __sk_buff:
    'u32 len; u32 pkt_type; u32 mark; u32 queue_mapping; u32 protocol; u32 vlan_present; u32 vlan_tci; u32 vlan_proto; u32 priority; ' +
    'u32 ingress_ifindex; u32 ifindex; u32 tc_index; u32 cb[5]; u32 hash; u32 tc_classid; u32 data; u32 data_end; u32 napi_id; u32 family; ' +
    'u32 remote_ip4; u32 local_ip4; u32 remote_ip6[4]; u32 local_ip6[4]; u32 remote_port; u32 local_port; u32 data_meta; ' +
    'struct bpf_flow_keys *flow_keys; u64 tstamp; u32 wire_len; u32 gso_segs; struct bpf_sock *sk; u32 gso_size; u8 tstamp_type; u64 hwtstamp',
  xdp_md: 'u32 data; u32 data_end; u32 data_meta; u32 ingress_ifindex; u32 rx_queue_index; u32 egress_ifindex',

  seq_file: 'u64 size; u64 from; u64 count; u64 index',
  bpf_iter_meta: 'struct seq_file *seq; u64 session_id; u64 seq_num',
  bpf_iter__bpf_map: 'struct bpf_iter_meta *meta; struct bpf_map *map',
  bpf_iter__bpf_prog: 'struct bpf_iter_meta *meta; struct bpf_prog *prog',
  bpf_iter__bpf_link: 'struct bpf_iter_meta *meta; struct bpf_link *link',
  bpf_map:
    'enum bpf_map_type map_type; u32 key_size; u32 value_size; u32 max_entries; u64 map_extra; u32 map_flags; u32 id; u32 btf_key_type_id; ' +
    'u32 btf_value_type_id; char name[16]',
  bpf_prog: 'enum bpf_prog_type type; u32 len; u8 tag[8]; struct bpf_prog_aux *aux',
  bpf_prog_aux: 'u32 used_map_cnt; u32 id; u64 load_time; struct bpf_prog *prog; char name[16]',
  bpf_link: 'u32 id; enum bpf_link_type type; struct bpf_prog *prog',

  // What functions of the kernel are given: what is in them is the kernel's.
  bpf_dynptr: '__u64 __opaque[2]',
  bpf_iter_num: '__u64 __opaque[1]',
  bpf_iter_bits: '__u64 __opaque[2]',
  bpf_wq: '__u64 __opaque[2]',
  bpf_list_head: '__u64 __opaque[2]',
  bpf_list_node: '__u64 __opaque[3]',
  bpf_rb_root: '__u64 __opaque[2]',
  bpf_rb_node: '__u64 __opaque[4]',
  cpumask: 'unsigned long bits[1]',
  bpf_cpumask: 'struct cpumask cpumask; unsigned int usage',
};
