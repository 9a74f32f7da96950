import type { HelperName } from '../../../uapi/helpers.ts';

/** Which helpers a program type may call, as lists that build on each other. Names as in enum bpf_func_id, without `bpf_`. */
// biome-ignore format: aligned lists
const COMMON = [
  'map_lookup_elem', 'map_update_elem', 'map_delete_elem', 'ktime_get_ns', 'ktime_get_boot_ns', 'ktime_get_coarse_ns', 'jiffies64',
  'trace_printk', 'get_prandom_u32', 'get_smp_processor_id', 'get_numa_node_id', 'tail_call', 'map_push_elem', 'map_pop_elem', 'map_peek_elem',
  'ringbuf_output', 'ringbuf_reserve', 'ringbuf_submit', 'ringbuf_discard', 'ringbuf_query',
  'ringbuf_reserve_dynptr', 'ringbuf_submit_dynptr', 'ringbuf_discard_dynptr', 'user_ringbuf_drain', 'dynptr_from_mem', 'dynptr_read', 'dynptr_write',
  'dynptr_data', 'loop', 'for_each_map_elem', 'perf_event_output', 'strtol', 'strtoul', 'strncmp', 'snprintf', 'trace_vprintk', 'map_lookup_percpu_elem',
  'ktime_get_tai_ns', 'get_current_pid_tgid', 'get_current_uid_gid', 'get_current_comm', 'get_current_cgroup_id',
  'get_current_ancestor_cgroup_id', 'get_cgroup_classid', 'probe_read_kernel', 'probe_read_kernel_str',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
const SOCKETS = [
  'sk_lookup_tcp', 'sk_lookup_udp', 'skc_lookup_tcp', 'sk_release',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
export const SOCKET_FILTER_HELPERS = [
  ...COMMON, 'skb_load_bytes', 'skb_load_bytes_relative', 'get_socket_cookie', 'get_socket_uid', 'get_netns_cookie',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
export const CGROUP_SKB_HELPERS = [
  ...SOCKET_FILTER_HELPERS, ...SOCKETS, 'skb_cgroup_id', 'skb_ancestor_cgroup_id', 'skb_ecn_set_ce',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
export const TC_HELPERS = [
  ...CGROUP_SKB_HELPERS, 'skb_store_bytes', 'skb_pull_data', 'l3_csum_replace', 'l4_csum_replace', 'csum_diff', 'csum_update',
  'clone_redirect', 'redirect', 'get_route_realm', 'get_hash_recalc', 'set_hash_invalid', 'set_hash', 'skb_change_type',
  'skb_vlan_push', 'skb_vlan_pop', 'skb_change_proto', 'skb_change_tail', 'skb_change_head', 'skb_adjust_room', 'csum_level', 'skb_set_tstamp',
  'skb_get_tunnel_key', 'skb_set_tunnel_key', 'skb_get_tunnel_opt', 'skb_set_tunnel_opt', 'skb_get_xfrm_state', 'redirect_peer', 'redirect_neigh',
  'fib_lookup', 'check_mtu', 'skb_cgroup_classid',
] as const satisfies readonly HelperName[];

// biome-ignore format: aligned lists
export const XDP_HELPERS = [
  ...COMMON, ...SOCKETS, 'csum_diff', 'redirect', 'redirect_map', 'xdp_adjust_head', 'xdp_adjust_meta', 'xdp_adjust_tail', 'xdp_get_buff_len',
  'xdp_load_bytes', 'xdp_store_bytes', 'fib_lookup', 'check_mtu',
] as const satisfies readonly HelperName[];
