import { struct } from '../bytes/struct.ts';

// What <linux/bpf.h> of Linux 6.18 has about attaching. Index = number in the lists.

/** enum bpf_perf_event_type: what a perf_event link hangs on. */
// biome-ignore format: by number
export const PERF_LINK_TYPES = ['unspec', 'uprobe', 'uretprobe', 'kprobe', 'kretprobe', 'tracepoint', 'event'] as const;

/** enum bpf_task_fd_type: what BPF_TASK_FD_QUERY says of an fd. */
// biome-ignore format: by number
export const TASK_FD_TYPES = ['raw_tracepoint', 'tracepoint', 'kprobe', 'kretprobe', 'uprobe', 'uretprobe'] as const;

/** enum bpf_cgroup_iter_order. */
// biome-ignore format: by number
export const CGROUP_ITER_ORDERS = ['order_unspec', 'self_only', 'descendants_pre', 'descendants_post', 'ancestors_up'] as const;

// BPF_PROG_ATTACH attach_flags, and the flags of BPF_LINK_CREATE for those hooks that hold several programs.
export const BPF_F_ALLOW_OVERRIDE = 1 << 0;
export const BPF_F_ALLOW_MULTI = 1 << 1;
/** Also the flag of BPF_LINK_UPDATE by which `old_prog_fd` has to be the present program. */
export const BPF_F_REPLACE = 1 << 2;
export const BPF_F_BEFORE = 1 << 3;
export const BPF_F_AFTER = 1 << 4;
/** relative_id instead of relative_fd. */
export const BPF_F_ID = 1 << 5;
export const BPF_F_PREORDER = 1 << 6;
/** What relative_fd or relative_id names is a link. The same bit as BPF_F_LINK of maps. */
export const BPF_F_RELATIVE_LINK = 1 << 13;

/** BPF_PROG_QUERY query_flags. */
export const BPF_F_QUERY_EFFECTIVE = 1 << 0;

export const BPF_F_KPROBE_MULTI_RETURN = 1 << 0;
export const BPF_F_UPROBE_MULTI_RETURN = 1 << 0;
/** Flag of a netfilter link: fragments are put together first (Linux >= 6.6). */
export const BPF_F_NETFILTER_IP_DEFRAG = 1 << 0;

/** union bpf_iter_link_info, what `iter_info` points to. */
// biome-ignore format: aligned table
export const bpfIterLinkInfo = struct(16, {
  'map.map_fd': ['u32', 0],
  'cgroup.order': ['u32', 0], 'cgroup.cgroup_fd': ['u32', 4], 'cgroup.cgroup_id': ['u64', 8],
  'task.tid': ['u32', 0], 'task.pid': ['u32', 4], 'task.pid_fd': ['u32', 8],
});
