import { type AttachType, attachTypeNumber, type ProgType } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';

/*
 * Which helpers Linux 6.18 lets a program type call, asked of the running kernel: a program of each type that calls each helper, and the verifier's
 * sentence about it. Names as in enum bpf_func_id, without `bpf_`. What a list names and helpers/table.ts has not is refused as not there yet.
 */

/** Every program type may call these. */
// biome-ignore format: aligned lists
const COMMON = [
  'map_lookup_elem', 'map_update_elem', 'map_delete_elem', 'ktime_get_ns', 'trace_printk', 'get_prandom_u32', 'get_smp_processor_id', 'tail_call',
  'get_current_pid_tgid', 'get_current_uid_gid', 'get_current_comm', 'get_cgroup_classid', 'perf_event_read', 'get_current_task',
  'current_task_under_cgroup', 'get_numa_node_id', 'perf_event_read_value', 'get_current_cgroup_id', 'map_push_elem', 'map_pop_elem',
  'map_peek_elem', 'spin_lock', 'spin_unlock', 'strtol', 'strtoul', 'send_signal', 'probe_read_user', 'probe_read_kernel', 'probe_read_user_str',
  'probe_read_kernel_str', 'send_signal_thread', 'jiffies64', 'get_ns_current_pid_tgid', 'get_current_ancestor_cgroup_id', 'ktime_get_boot_ns',
  'ringbuf_output', 'ringbuf_reserve', 'ringbuf_submit', 'ringbuf_discard', 'ringbuf_query', 'get_task_stack', 'copy_from_user', 'snprintf_btf',
  'per_cpu_ptr', 'this_cpu_ptr', 'task_storage_get', 'task_storage_delete', 'get_current_task_btf', 'for_each_map_elem', 'snprintf', 'timer_init',
  'timer_set_callback', 'timer_start', 'timer_cancel', 'task_pt_regs', 'get_branch_snapshot', 'trace_vprintk', 'find_vma', 'loop', 'strncmp',
  'copy_from_user_task', 'kptr_xchg', 'map_lookup_percpu_elem', 'dynptr_from_mem', 'ringbuf_reserve_dynptr', 'ringbuf_submit_dynptr',
  'ringbuf_discard_dynptr', 'dynptr_read', 'dynptr_write', 'dynptr_data', 'ktime_get_tai_ns', 'user_ringbuf_drain', 'cgrp_storage_get',
  'cgrp_storage_delete',
] as const satisfies readonly HelperName[];

/** A socket as the kernel's struct of its kind. */
// biome-ignore format: aligned lists
const SOCKET_CASTS = [
  'skc_to_tcp6_sock', 'skc_to_tcp_sock', 'skc_to_tcp_timewait_sock', 'skc_to_tcp_request_sock', 'skc_to_udp6_sock', 'skc_to_unix_sock',
  'skc_to_mptcp_sock',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
const SOCKET_LOOKUPS = ['sk_lookup_tcp', 'sk_lookup_udp', 'sk_release', 'skc_lookup_tcp'] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
const SYN_COOKIES = [
  'tcp_check_syncookie', 'tcp_gen_syncookie', 'tcp_raw_gen_syncookie_ipv4', 'tcp_raw_gen_syncookie_ipv6', 'tcp_raw_check_syncookie_ipv4',
  'tcp_raw_check_syncookie_ipv6',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
const TRACING = [
  ...COMMON,
  'probe_read', 'perf_event_output', 'get_stackid', 'probe_read_str', 'get_stack', 'get_func_ip', 'get_attach_cookie',
] as const satisfies readonly HelperName[];

/** Programs that know the kernel's types. */
// biome-ignore format: aligned lists
const BTF_TRACING = [
  ...COMMON, ...SOCKET_CASTS,
  'probe_read', 'perf_event_output', 'get_stackid', 'probe_read_str', 'get_socket_cookie', 'get_stack', 'sk_storage_get', 'sk_storage_delete',
  'skb_output', 'xdp_output', 'd_path', 'sock_from_file', 'get_func_ip', 'xdp_get_buff_len',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
const LWT = [
  ...COMMON, ...SOCKET_CASTS,
  'get_route_realm', 'perf_event_output', 'skb_load_bytes', 'csum_diff', 'skb_under_cgroup', 'get_hash_recalc', 'skb_pull_data',
  'ktime_get_coarse_ns',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
const SOCKET_FILTER = [
  ...COMMON, ...SOCKET_CASTS,
  'perf_event_output', 'skb_load_bytes', 'get_socket_cookie', 'get_socket_uid', 'skb_load_bytes_relative', 'get_netns_cookie', 'ktime_get_coarse_ns',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
const CLASSIFIER = [
  ...SOCKET_FILTER, ...SOCKET_LOOKUPS, ...SYN_COOKIES,
  'skb_store_bytes', 'l3_csum_replace', 'l4_csum_replace', 'clone_redirect', 'skb_vlan_push', 'skb_vlan_pop', 'skb_get_tunnel_key',
  'skb_set_tunnel_key', 'redirect', 'get_route_realm', 'csum_diff', 'skb_get_tunnel_opt', 'skb_set_tunnel_opt', 'skb_change_proto',
  'skb_change_type', 'skb_under_cgroup', 'get_hash_recalc', 'skb_change_tail', 'skb_pull_data', 'csum_update', 'set_hash_invalid', 'skb_change_head',
  'set_hash', 'skb_adjust_room', 'skb_get_xfrm_state', 'fib_lookup', 'skb_cgroup_id', 'skb_ancestor_cgroup_id', 'sk_fullsock', 'tcp_sock',
  'skb_ecn_set_ce', 'get_listener_sock', 'sk_storage_get', 'sk_storage_delete', 'sk_assign', 'csum_level', 'skb_cgroup_classid', 'redirect_neigh',
  'redirect_peer', 'check_mtu', 'skb_set_tstamp',
] as const satisfies readonly HelperName[];

/** Without the types of programs whose helpers depend on what they are attached to entirely. */
// biome-ignore format: aligned lists
const ALLOWED: Readonly<Partial<Record<ProgType, readonly HelperName[]>>> = {
  socket_filter: SOCKET_FILTER,
  kprobe: TRACING,
  sched_cls: CLASSIFIER,
  sched_act: CLASSIFIER,
  tracepoint: TRACING,
  xdp: [
    ...COMMON, ...SOCKET_CASTS, ...SOCKET_LOOKUPS, ...SYN_COOKIES,
    'redirect', 'perf_event_output', 'csum_diff', 'xdp_adjust_head', 'redirect_map', 'xdp_adjust_meta', 'xdp_adjust_tail', 'fib_lookup',
    'ktime_get_coarse_ns', 'check_mtu', 'xdp_get_buff_len', 'xdp_load_bytes', 'xdp_store_bytes',
  ],
  perf_event: [...TRACING, 'perf_prog_read_value', 'read_branch_records'],
  cgroup_skb: [
    ...SOCKET_FILTER, ...SOCKET_LOOKUPS,
    'skb_cgroup_id', 'get_local_storage', 'skb_ancestor_cgroup_id', 'sk_fullsock', 'tcp_sock', 'skb_ecn_set_ce', 'get_listener_sock',
    'sk_storage_get', 'sk_storage_delete', 'sk_cgroup_id', 'sk_ancestor_cgroup_id',
  ],
  cgroup_sock: [
    ...COMMON,
    'perf_event_output', 'get_socket_cookie', 'get_local_storage', 'sk_storage_get', 'get_netns_cookie', 'ktime_get_coarse_ns', 'get_retval',
    'set_retval',
  ],
  lwt_in: [...LWT, 'lwt_push_encap'],
  lwt_out: LWT,
  lwt_xmit: [
    ...LWT,
    'skb_store_bytes', 'l3_csum_replace', 'l4_csum_replace', 'clone_redirect', 'skb_get_tunnel_key', 'skb_set_tunnel_key', 'redirect',
    'skb_get_tunnel_opt', 'skb_set_tunnel_opt', 'skb_change_tail', 'csum_update', 'set_hash_invalid', 'skb_change_head', 'lwt_push_encap',
    'csum_level',
  ],
  sock_ops: [
    ...COMMON, ...SOCKET_CASTS,
    'perf_event_output', 'get_socket_cookie', 'setsockopt', 'sock_map_update', 'getsockopt', 'sock_ops_cb_flags_set', 'sock_hash_update',
    'get_local_storage', 'tcp_sock', 'sk_storage_get', 'sk_storage_delete', 'get_netns_cookie', 'load_hdr_opt', 'store_hdr_opt', 'reserve_hdr_opt',
    'ktime_get_coarse_ns',
  ],
  sk_skb: [
    ...COMMON, ...SOCKET_CASTS, ...SOCKET_LOOKUPS,
    'skb_store_bytes', 'perf_event_output', 'skb_load_bytes', 'skb_change_tail', 'skb_pull_data', 'skb_change_head', 'get_socket_cookie',
    'get_socket_uid', 'skb_adjust_room', 'sk_redirect_map', 'sk_redirect_hash', 'ktime_get_coarse_ns',
  ],
  cgroup_device: [...COMMON, 'perf_event_output', 'get_local_storage', 'get_retval', 'set_retval'],
  sk_msg: [
    ...COMMON, ...SOCKET_CASTS,
    'perf_event_output', 'msg_redirect_map', 'msg_apply_bytes', 'msg_cork_bytes', 'msg_pull_data', 'msg_redirect_hash', 'msg_push_data',
    'msg_pop_data', 'sk_storage_get', 'sk_storage_delete', 'get_netns_cookie', 'ktime_get_coarse_ns',
  ],
  raw_tracepoint: TRACING,
  cgroup_sock_addr: [
    ...COMMON, ...SOCKET_CASTS, ...SOCKET_LOOKUPS,
    'perf_event_output', 'get_socket_cookie', 'setsockopt', 'getsockopt', 'bind', 'get_local_storage', 'sk_storage_get', 'sk_storage_delete',
    'get_netns_cookie', 'ktime_get_coarse_ns', 'get_retval', 'set_retval',
  ],
  lwt_seg6local: [...LWT, 'lwt_seg6_store_bytes', 'lwt_seg6_adjust_srh', 'lwt_seg6_action'],
  sk_reuseport: [...COMMON, 'skb_load_bytes', 'get_socket_cookie', 'skb_load_bytes_relative', 'sk_select_reuseport', 'ktime_get_coarse_ns'],
  flow_dissector: [...COMMON, ...SOCKET_CASTS, 'skb_load_bytes', 'ktime_get_coarse_ns'],
  cgroup_sysctl: [
    ...COMMON,
    'perf_event_output', 'get_local_storage', 'sysctl_get_name', 'sysctl_get_current_value', 'sysctl_get_new_value', 'sysctl_set_new_value',
    'ktime_get_coarse_ns', 'get_retval', 'set_retval',
  ],
  raw_tracepoint_writable: TRACING,
  cgroup_sockopt: [
    ...COMMON,
    'perf_event_output', 'setsockopt', 'getsockopt', 'get_local_storage', 'tcp_sock', 'sk_storage_get', 'sk_storage_delete', 'get_netns_cookie',
    'get_retval', 'set_retval',
  ],
  sk_lookup: [...COMMON, ...SOCKET_CASTS, 'perf_event_output', 'sk_release', 'sk_assign', 'ktime_get_coarse_ns'],
  syscall: [...BTF_TRACING, 'sys_bpf', 'btf_find_by_name_kind', 'sys_close', 'kallsyms_lookup_name'],
  netfilter: COMMON,
  struct_ops: [...COMMON, 'tcp_send_ack', 'sk_storage_get', 'sk_storage_delete', 'setsockopt', 'getsockopt', 'ktime_get_coarse_ns'],
  lsm: [
    ...BTF_TRACING, 'inode_storage_get', 'inode_storage_delete', 'bprm_opts_set', 'ima_inode_hash', 'ima_file_hash', 'get_attach_cookie', 'get_local_storage',
    'get_retval', 'set_retval', 'setsockopt', 'getsockopt',
  ],
  tracing: [...BTF_TRACING, 'get_attach_cookie', 'seq_printf', 'seq_write', 'seq_printf_btf', 'get_func_arg', 'get_func_ret', 'get_func_arg_cnt'],
};

/** Of the lists above, what only programs for certain hooks may call. */
// biome-ignore format: aligned table
const ONLY_FOR: readonly (readonly [ProgType, readonly HelperName[], readonly AttachType[]])[] = [
  ['cgroup_sock_addr', ['bind'], ['cgroup_inet4_connect', 'cgroup_inet6_connect']],
  ['cgroup_sock_addr', ['get_retval', 'set_retval'], [
    'cgroup_inet4_bind', 'cgroup_inet6_bind', 'cgroup_inet4_connect', 'cgroup_inet6_connect', 'cgroup_udp4_sendmsg', 'cgroup_udp6_sendmsg',
    'cgroup_unix_connect', 'cgroup_unix_sendmsg',
  ]],
  ['cgroup_device', ['get_retval', 'set_retval'], ['cgroup_device']],
  ['cgroup_sysctl', ['get_retval', 'set_retval'], ['cgroup_sysctl']],
  ['cgroup_sockopt', ['getsockopt', 'setsockopt'], ['cgroup_setsockopt']],
  ['lsm', ['get_local_storage', 'get_retval', 'set_retval', 'setsockopt', 'getsockopt'], ['lsm_cgroup']],
  ['tracing', ['seq_printf', 'seq_write', 'seq_printf_btf'], ['trace_iter']],
  ['tracing', ['get_attach_cookie'], ['trace_raw_tp', 'trace_fentry', 'trace_fexit', 'modify_return']],
  ['tracing', ['get_func_arg', 'get_func_ret', 'get_func_arg_cnt'], ['trace_fentry', 'trace_fexit', 'modify_return']],
];

/** What a program of this type may call, if it is loaded for this hook (BPF_* of enum bpf_attach_type). */
export function allowedHelpers(type: ProgType, attachType: number): readonly HelperName[] {
  const names = ALLOWED[type] ?? [];
  const withheld = ONLY_FOR.filter(
    ([of, , hooks]) => of === type && !hooks.some((hook) => attachTypeNumber[hook] === attachType),
  ).flatMap(([, withheldNames]) => withheldNames);
  return names.filter((name) => !withheld.includes(name));
}
