import { attachTypeNumber, type MapType, type ProgType } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';

const REDIRECT: readonly MapType[] = ['devmap', 'devmap_hash', 'cpumap', 'xskmap'];
const PERF: readonly MapType[] = ['perf_event_array'];
const RINGBUF: readonly MapType[] = ['ringbuf'];

/** Helpers that take maps of these types only. */
// biome-ignore format: aligned table
const TAKES: Readonly<Partial<Record<HelperName, readonly MapType[]>>> = {
  tail_call: ['prog_array'], perf_event_read: PERF, perf_event_output: PERF, perf_event_read_value: PERF, skb_output: PERF, xdp_output: PERF,
  ringbuf_output: RINGBUF, ringbuf_reserve: RINGBUF, ringbuf_query: RINGBUF, ringbuf_reserve_dynptr: RINGBUF, ringbuf_submit_dynptr: RINGBUF,
  ringbuf_discard_dynptr: RINGBUF, user_ringbuf_drain: ['user_ringbuf'], get_stackid: ['stack_trace'], current_task_under_cgroup: ['cgroup_array'],
  skb_under_cgroup: ['cgroup_array'], redirect_map: REDIRECT, sk_redirect_map: ['sockmap'], msg_redirect_map: ['sockmap'], sock_map_update: ['sockmap'],
  sk_redirect_hash: ['sockhash'], msg_redirect_hash: ['sockhash'], sock_hash_update: ['sockhash'],
  get_local_storage: ['cgroup_storage', 'percpu_cgroup_storage'], sk_select_reuseport: ['reuseport_sockarray', 'sockmap', 'sockhash'],
  map_pop_elem: ['queue', 'stack'], map_peek_elem: ['queue', 'stack', 'bloom_filter'], map_push_elem: ['queue', 'stack', 'bloom_filter'],
  map_lookup_percpu_elem: ['percpu_array', 'percpu_hash', 'lru_percpu_hash'], sk_storage_get: ['sk_storage'], sk_storage_delete: ['sk_storage'],
  inode_storage_get: ['inode_storage'], inode_storage_delete: ['inode_storage'], task_storage_get: ['task_storage'],
  task_storage_delete: ['task_storage'], cgrp_storage_get: ['cgrp_storage'], cgrp_storage_delete: ['cgrp_storage'],
};

/** Maps that only these helpers take. */
// biome-ignore format: aligned table
const TAKEN_BY: Readonly<Partial<Record<MapType, readonly HelperName[]>>> = {
  prog_array: ['tail_call'], perf_event_array: ['perf_event_read', 'perf_event_output', 'skb_output', 'perf_event_read_value', 'xdp_output'],
  ringbuf: ['ringbuf_output', 'ringbuf_reserve', 'ringbuf_query', 'ringbuf_reserve_dynptr', 'ringbuf_submit_dynptr', 'ringbuf_discard_dynptr'],
  user_ringbuf: ['user_ringbuf_drain'], stack_trace: ['get_stackid'], cgroup_array: ['skb_under_cgroup', 'current_task_under_cgroup'],
  cgroup_storage: ['get_local_storage'], percpu_cgroup_storage: ['get_local_storage'], devmap: ['redirect_map', 'map_lookup_elem'],
  devmap_hash: ['redirect_map', 'map_lookup_elem'], cpumap: ['redirect_map'], xskmap: ['redirect_map', 'map_lookup_elem'],
  array_of_maps: ['map_lookup_elem'], hash_of_maps: ['map_lookup_elem'],
  sockmap: ['sk_redirect_map', 'sock_map_update', 'msg_redirect_map', 'sk_select_reuseport', 'map_lookup_elem'],
  sockhash: ['sk_redirect_hash', 'sock_hash_update', 'msg_redirect_hash', 'sk_select_reuseport', 'map_lookup_elem'],
  reuseport_sockarray: ['sk_select_reuseport'], queue: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'],
  stack: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'], sk_storage: ['sk_storage_get', 'sk_storage_delete', 'kptr_xchg'],
  inode_storage: ['inode_storage_get', 'inode_storage_delete', 'kptr_xchg'], task_storage: ['task_storage_get', 'task_storage_delete', 'kptr_xchg'],
  cgrp_storage: ['cgrp_storage_get', 'cgrp_storage_delete', 'kptr_xchg'], bloom_filter: ['map_peek_elem', 'map_push_elem'],
};
const SOCKET_UPDATERS: readonly ProgType[] = [
  'socket_filter',
  'sched_cls',
  'sched_act',
  'xdp',
  'sk_reuseport',
  'flow_dissector',
  'sk_lookup',
];

/** Whether a helper takes maps of a type, in programs of a type. */
export function mapCompatible(map: MapType, helper: HelperName, type: ProgType, attachType: number): boolean {
  const taken = TAKEN_BY[map];
  const isSocketMap = map === 'sockmap' || map === 'sockhash';
  if (taken !== undefined && !taken.includes(helper) && !(isSocketMap && mayUpdateSockets(helper, type, attachType)))
    return false;
  return TAKES[helper]?.includes(map) ?? true;
}

function mayUpdateSockets(helper: HelperName, type: ProgType, attachType: number): boolean {
  if (helper !== 'map_update_elem' && helper !== 'map_delete_elem') return false;
  if (type === 'tracing') return attachType === attachTypeNumber.trace_iter;
  if (type === 'sock_ops') return helper === 'map_delete_elem';
  return SOCKET_UPDATERS.includes(type);
}
