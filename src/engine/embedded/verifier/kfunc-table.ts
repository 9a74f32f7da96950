import { type AttachType, attachTypeNumber, type ProgType } from '../../../uapi/bpf.ts';

/** What the verifier knows of a function of the kernel besides its types: KF_* flags, and who may call it. */
export interface KfuncRow {
  readonly flags: readonly KfuncFlag[];
  /** Not said: programs of all types. */
  readonly types?: readonly ProgType[];
  /** Not said: for all hooks of these types. */
  readonly on?: readonly AttachType[];
}

export type KfuncFlag =
  | 'acquire'
  | 'release'
  | 'ret_null'
  | 'sleepable'
  | 'destructive'
  | 'rcu'
  | 'rcu_protected'
  | 'iter_new'
  | 'iter_next'
  | 'iter_destroy';

/** Programs that may make objects and call what is for all of tracing. */
const GENERIC: readonly ProgType[] = ['tracing', 'sched_cls', 'xdp', 'struct_ops', 'syscall', 'cgroup_skb'];
const CPUMASK: readonly ProgType[] = ['tracing', 'struct_ops', 'syscall'];
const SKB: readonly ProgType[] = [
  'sched_cls',
  'sched_act',
  'sk_skb',
  'socket_filter',
  'lwt_out',
  'lwt_in',
  'lwt_xmit',
  'lwt_seg6local',
  'netfilter',
  'tracing',
  'cgroup_skb',
];
const CONNTRACK: readonly ProgType[] = ['xdp', 'sched_cls'];

const rows = (
  types: readonly ProgType[] | undefined,
  list: Readonly<Record<string, string>>,
  on?: readonly AttachType[],
): [string, KfuncRow][] =>
  Object.entries(list).map(([name, flags]) => [
    name,
    // The texts below are made of the flags' names.
    {
      flags: flags.split(' ').filter((flag) => flag !== '') as KfuncFlag[],
      ...(types && { types }),
      ...(on && { on }),
    },
  ]);

/** Functions of Linux 6.18 that programs may call. Source: BTF_ID_FLAGS of the kernel's sets. */
// biome-ignore format: aligned tables
export const KFUNCS: ReadonlyMap<string, KfuncRow> = new Map<string, KfuncRow>([
  ...rows(GENERIC, {
    crash_kexec: 'destructive', bpf_obj_new_impl: 'acquire ret_null', bpf_percpu_obj_new_impl: 'acquire ret_null', bpf_obj_drop_impl: 'release',
    bpf_percpu_obj_drop_impl: 'release', bpf_refcount_acquire_impl: 'acquire ret_null rcu', bpf_list_push_front_impl: '', bpf_list_push_back_impl: '',
    bpf_list_pop_front: 'acquire ret_null', bpf_list_pop_back: 'acquire ret_null', bpf_list_front: 'ret_null', bpf_list_back: 'ret_null',
    bpf_task_acquire: 'acquire rcu ret_null', bpf_task_release: 'release', bpf_rbtree_remove: 'acquire ret_null', bpf_rbtree_add_impl: '',
    bpf_rbtree_first: 'ret_null', bpf_rbtree_root: 'ret_null', bpf_rbtree_left: 'ret_null', bpf_rbtree_right: 'ret_null',
    bpf_cgroup_acquire: 'acquire rcu ret_null', bpf_cgroup_release: 'release', bpf_cgroup_ancestor: 'acquire rcu ret_null',
    bpf_cgroup_from_id: 'acquire ret_null', bpf_task_under_cgroup: 'rcu', bpf_task_get_cgroup1: 'acquire rcu ret_null',
    bpf_task_from_pid: 'acquire ret_null', bpf_task_from_vpid: 'acquire ret_null', bpf_throw: '', bpf_send_signal_task: '', bpf_lookup_user_key: 'acquire ret_null sleepable', bpf_lookup_system_key: 'acquire ret_null',
    bpf_key_put: 'release', bpf_verify_pkcs7_signature: 'sleepable',
  }),
  ...rows(undefined, {
    bpf_cast_to_kern_ctx: '', bpf_rdonly_cast: '', bpf_rcu_read_lock: '', bpf_rcu_read_unlock: '', bpf_dynptr_slice: 'ret_null',
    bpf_dynptr_slice_rdwr: 'ret_null', bpf_iter_num_new: 'iter_new', bpf_iter_num_next: 'iter_next ret_null', bpf_iter_num_destroy: 'iter_destroy',
    bpf_iter_task_vma_new: 'iter_new rcu', bpf_iter_task_vma_next: 'iter_next ret_null', bpf_iter_task_vma_destroy: 'iter_destroy',
    bpf_iter_css_task_new: 'iter_new', bpf_iter_css_task_next: 'iter_next ret_null', bpf_iter_css_task_destroy: 'iter_destroy',
    bpf_iter_css_new: 'iter_new rcu_protected', bpf_iter_css_next: 'iter_next ret_null', bpf_iter_css_destroy: 'iter_destroy',
    bpf_iter_task_new: 'iter_new rcu_protected', bpf_iter_task_next: 'iter_next ret_null', bpf_iter_task_destroy: 'iter_destroy',
    bpf_dynptr_adjust: '', bpf_dynptr_is_null: '', bpf_dynptr_is_rdonly: '', bpf_dynptr_size: '', bpf_dynptr_clone: '', bpf_dynptr_copy: '',
    bpf_dynptr_memset: '', bpf_modify_return_test_tp: '', bpf_wq_init: '', bpf_wq_set_callback_impl: '', bpf_wq_start: '', bpf_preempt_disable: '',
    bpf_preempt_enable: '', bpf_iter_bits_new: 'iter_new', bpf_iter_bits_next: 'iter_next ret_null', bpf_iter_bits_destroy: 'iter_destroy',
    bpf_copy_from_user_str: 'sleepable', bpf_copy_from_user_task_str: 'sleepable', bpf_get_kmem_cache: '', bpf_iter_kmem_cache_new: 'iter_new sleepable',
    bpf_iter_kmem_cache_next: 'iter_next ret_null sleepable', bpf_iter_kmem_cache_destroy: 'iter_destroy sleepable', bpf_local_irq_save: '',
    bpf_local_irq_restore: '', bpf_probe_read_user_dynptr: '', bpf_probe_read_kernel_dynptr: '', bpf_probe_read_user_str_dynptr: '',
    bpf_probe_read_kernel_str_dynptr: '', bpf_copy_from_user_dynptr: 'sleepable', bpf_copy_from_user_str_dynptr: 'sleepable',
    bpf_copy_from_user_task_dynptr: 'sleepable', bpf_copy_from_user_task_str_dynptr: 'sleepable', bpf_iter_dmabuf_new: 'iter_new sleepable',
    bpf_iter_dmabuf_next: 'iter_next ret_null sleepable', bpf_iter_dmabuf_destroy: 'iter_destroy sleepable', __bpf_trap: '',
    bpf_strcmp: '', bpf_strcasecmp: '', bpf_strchr: '', bpf_strchrnul: '', bpf_strnchr: '', bpf_strrchr: '', bpf_strlen: '', bpf_strnlen: '', bpf_strspn: '',
    bpf_strcspn: '', bpf_strstr: '', bpf_strnstr: '', bpf_stream_vprintk_impl: '', bpf_cgroup_read_xattr: 'rcu',
    bpf_res_spin_lock: 'ret_null', bpf_res_spin_unlock: '', bpf_res_spin_lock_irqsave: 'ret_null', bpf_res_spin_unlock_irqrestore: '',
    bpf_map_sum_elem_count: '', bpf_arena_alloc_pages: 'sleepable', bpf_arena_free_pages: 'sleepable',
    bpf_arena_reserve_pages: 'sleepable', bpf_task_work_schedule_signal_impl: '', bpf_task_work_schedule_resume_impl: '',
  }),
  ...rows(CPUMASK, {
    bpf_cpumask_create: 'acquire ret_null', bpf_cpumask_release: 'release', bpf_cpumask_acquire: 'acquire', bpf_cpumask_first: 'rcu',
    bpf_cpumask_first_zero: 'rcu', bpf_cpumask_first_and: 'rcu', bpf_cpumask_set_cpu: 'rcu', bpf_cpumask_clear_cpu: 'rcu', bpf_cpumask_test_cpu: 'rcu',
    bpf_cpumask_test_and_set_cpu: 'rcu', bpf_cpumask_test_and_clear_cpu: 'rcu', bpf_cpumask_setall: 'rcu', bpf_cpumask_clear: 'rcu', bpf_cpumask_and: 'rcu',
    bpf_cpumask_or: 'rcu', bpf_cpumask_xor: 'rcu', bpf_cpumask_equal: 'rcu', bpf_cpumask_intersects: 'rcu', bpf_cpumask_subset: 'rcu',
    bpf_cpumask_empty: 'rcu', bpf_cpumask_full: 'rcu', bpf_cpumask_copy: 'rcu', bpf_cpumask_any_distribute: 'rcu', bpf_cpumask_any_and_distribute: 'rcu',
    bpf_cpumask_weight: 'rcu', bpf_cpumask_populate: 'rcu',
  }),
  ...rows(SKB, { bpf_dynptr_from_skb: '' }),
  ...rows(['sched_cls', 'sched_act'], { bpf_dynptr_from_skb_meta: '' }),
  ...rows(['xdp'], {
    bpf_dynptr_from_xdp: '', bpf_xdp_pull_data: '', bpf_xdp_metadata_rx_timestamp: '', bpf_xdp_metadata_rx_hash: '',
    bpf_xdp_metadata_rx_vlan_tag: '', bpf_xdp_get_xfrm_state: 'acquire ret_null', bpf_xdp_xfrm_state_release: 'release',
  }),
  ...rows(['sched_cls', 'tracing', 'syscall'], { bpf_kfunc_call_test_release: 'release', bpf_kfunc_call_memb_release: 'release' }),
  ...rows(['cgroup_sock_addr'], { bpf_sock_addr_set_sun_path: '' }),
  ...rows(['sched_cls'], { bpf_sk_assign_tcp_reqsk: '' }),
  ...rows(['sock_ops'], { bpf_sock_ops_enable_tx_tstamp: '' }),
  ...rows(['tracing'], {
    css_rstat_updated: '', css_rstat_flush: 'sleepable',
  }),
  ...rows(['tracing'], { bpf_sock_destroy: '' }, ['trace_iter']),
  ...rows(
    ['lsm'],
    {
      bpf_get_task_exe_file: 'acquire ret_null', bpf_put_file: 'release', bpf_path_d_path: '', bpf_get_dentry_xattr: 'sleepable',
      bpf_get_file_xattr: 'sleepable', bpf_set_dentry_xattr: 'sleepable', bpf_remove_dentry_xattr: 'sleepable',
    },
    ['lsm_mac', 'lsm_cgroup'],
  ),
  ...rows(['kprobe'], { bpf_session_is_return: '', bpf_session_cookie: '' }, ['trace_kprobe_session', 'trace_uprobe_session']),
  ...rows(['syscall'], { bpf_crypto_ctx_create: 'acquire ret_null sleepable', bpf_crypto_ctx_release: 'release', bpf_crypto_ctx_acquire: 'acquire rcu ret_null' }),
  ...rows(['sched_cls', 'sched_act', 'xdp'], { bpf_crypto_decrypt: 'rcu', bpf_crypto_encrypt: 'rcu' }),
  ...rows(CONNTRACK, {
    bpf_xdp_ct_alloc: 'acquire ret_null', bpf_xdp_ct_lookup: 'acquire ret_null', bpf_skb_ct_alloc: 'acquire ret_null',
    bpf_skb_ct_lookup: 'acquire ret_null',
    bpf_ct_insert_entry: 'acquire ret_null release', bpf_ct_release: 'release', bpf_ct_set_timeout: '', bpf_ct_change_timeout: '',
    bpf_ct_set_status: '', bpf_ct_change_status: '', bpf_ct_set_nat_info: '',
  }),
  ...rows(['struct_ops'], {
    tcp_reno_ssthresh: '', tcp_reno_cong_avoid: '', tcp_reno_undo_cwnd: '', tcp_slow_start: '', tcp_cong_avoid_ai: '', cubictcp_init: '',
    cubictcp_recalc_ssthresh: '', cubictcp_cong_avoid: '', cubictcp_state: '', cubictcp_cwnd_event: '', cubictcp_acked: '', dctcp_init: '', dctcp_update_alpha: '',
    dctcp_cwnd_event: '', dctcp_ssthresh: '', dctcp_cwnd_undo: '', dctcp_state: '', bbr_init: '', bbr_main: '', bbr_sndbuf_expand: '', bbr_undo_cwnd: '',
    bbr_cwnd_event: '', bbr_ssthresh: '', bbr_min_tso_segs: '', bbr_set_state: '',
  }),
]);

/** Program types that share what they may call. Source: bpf_prog_type_to_kfunc_hook. */
// biome-ignore format: a group a line
const GROUPS: readonly (readonly ProgType[])[] = [
  ['tracing', 'tracepoint', 'perf_event', 'lsm'],
  ['cgroup_skb', 'cgroup_sock', 'cgroup_device', 'cgroup_sock_addr', 'cgroup_sockopt', 'cgroup_sysctl', 'sock_ops'],
  ['lwt_out', 'lwt_in', 'lwt_xmit', 'lwt_seg6local'],
];

/** Whether programs of a type may call it. */
export function mayCall({ types, on }: KfuncRow, type: ProgType, attachType: number): boolean {
  if (on !== undefined && !on.some((hook) => attachTypeNumber[hook] === attachType)) return false;
  const group = GROUPS.find((members) => members.includes(type)) ?? [type];
  return types === undefined || types.some((allowed) => group.includes(allowed));
}
