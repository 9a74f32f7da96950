import { struct } from '../bytes/struct.ts';

/**
 * What BPF_OBJ_GET_INFO_BY_FD fills, as of Linux 6.18. The pointers inside (kind `u64`, listed in {@link INFO_POINTERS}) are left zero by the
 * caller, who gives the buffers in `arrays` and their element counts in the struct; the engine sets the addresses. Zero the struct before each
 * call: since 6.18 the kernel leaves fields that it has nothing to say about as they were.
 */
// biome-ignore format: aligned table
export const bpfMapInfo = struct(104, {
  type: ['u32', 0], id: ['u32', 4], key_size: ['u32', 8], value_size: ['u32', 12], max_entries: ['u32', 16], map_flags: ['u32', 20],
  name: ['char[16]', 24], ifindex: ['u32', 40], btf_vmlinux_value_type_id: ['u32', 44], netns_dev: ['u64', 48], netns_ino: ['u64', 56],
  btf_id: ['u32', 64], btf_key_type_id: ['u32', 68], btf_value_type_id: ['u32', 72], btf_vmlinux_id: ['u32', 76], map_extra: ['u64', 80],
  hash: ['u64', 88], hash_size: ['u32', 96],
});

// biome-ignore format: aligned table
export const bpfProgInfo = struct(232, {
  type: ['u32', 0], id: ['u32', 4], tag: ['bytes[8]', 8], jited_prog_len: ['u32', 16], xlated_prog_len: ['u32', 20], jited_prog_insns: ['u64', 24],
  xlated_prog_insns: ['u64', 32], load_time: ['u64', 40], created_by_uid: ['u32', 48], nr_map_ids: ['u32', 52], map_ids: ['u64', 56],
  name: ['char[16]', 64], ifindex: ['u32', 80], gpl_compatible: ['u32', 84], netns_dev: ['u64', 88], netns_ino: ['u64', 96],
  nr_jited_ksyms: ['u32', 104], nr_jited_func_lens: ['u32', 108], jited_ksyms: ['u64', 112], jited_func_lens: ['u64', 120], btf_id: ['u32', 128],
  func_info_rec_size: ['u32', 132], func_info: ['u64', 136], nr_func_info: ['u32', 144], nr_line_info: ['u32', 148], line_info: ['u64', 152],
  jited_line_info: ['u64', 160], nr_jited_line_info: ['u32', 168], line_info_rec_size: ['u32', 172], jited_line_info_rec_size: ['u32', 176],
  nr_prog_tags: ['u32', 180], prog_tags: ['u64', 184], run_time_ns: ['u64', 192], run_cnt: ['u64', 200], recursion_misses: ['u64', 208],
  verified_insns: ['u32', 216], attach_btf_obj_id: ['u32', 220], attach_btf_id: ['u32', 224],
});

// biome-ignore format: aligned table
export const bpfBtfInfo = struct(32, {
  btf: ['u64', 0], btf_size: ['u32', 8], id: ['u32', 12], name: ['u64', 16], name_len: ['u32', 24], kernel_btf: ['u32', 28],
});

/** A union by `type` (LINK_TYPES); for `perf_event` a union within it by `perf_event.type` (PERF_LINK_TYPES). */
// biome-ignore format: aligned table
export const bpfLinkInfo = struct(64, {
  type: ['u32', 0], id: ['u32', 4], prog_id: ['u32', 8],
  'raw_tracepoint.tp_name': ['u64', 16], 'raw_tracepoint.tp_name_len': ['u32', 24], 'raw_tracepoint.cookie': ['u64', 32],
  'tracing.attach_type': ['u32', 16], 'tracing.target_obj_id': ['u32', 20], 'tracing.target_btf_id': ['u32', 24], 'tracing.cookie': ['u64', 32],
  'cgroup.cgroup_id': ['u64', 16], 'cgroup.attach_type': ['u32', 24],
  'iter.target_name': ['u64', 16], 'iter.target_name_len': ['u32', 24], 'iter.map.map_id': ['u32', 28], 'iter.cgroup.cgroup_id': ['u64', 32],
  'iter.cgroup.order': ['u32', 40], 'iter.task.tid': ['u32', 32], 'iter.task.pid': ['u32', 36],
  'netns.netns_ino': ['u32', 16], 'netns.attach_type': ['u32', 20],
  'xdp.ifindex': ['u32', 16],
  'struct_ops.map_id': ['u32', 16],
  'netfilter.pf': ['u32', 16], 'netfilter.hooknum': ['u32', 20], 'netfilter.priority': ['i32', 24], 'netfilter.flags': ['u32', 28],
  'kprobe_multi.addrs': ['u64', 16], 'kprobe_multi.count': ['u32', 24], 'kprobe_multi.flags': ['u32', 28], 'kprobe_multi.missed': ['u64', 32],
  'kprobe_multi.cookies': ['u64', 40],
  'uprobe_multi.path': ['u64', 16], 'uprobe_multi.offsets': ['u64', 24], 'uprobe_multi.ref_ctr_offsets': ['u64', 32],
  'uprobe_multi.cookies': ['u64', 40], 'uprobe_multi.path_size': ['u32', 48], 'uprobe_multi.count': ['u32', 52], 'uprobe_multi.flags': ['u32', 56],
  'uprobe_multi.pid': ['u32', 60],
  'perf_event.type': ['u32', 16],
  'perf_event.uprobe.file_name': ['u64', 24], 'perf_event.uprobe.name_len': ['u32', 32], 'perf_event.uprobe.offset': ['u32', 36],
  'perf_event.uprobe.cookie': ['u64', 40], 'perf_event.uprobe.ref_ctr_offset': ['u64', 48],
  'perf_event.kprobe.func_name': ['u64', 24], 'perf_event.kprobe.name_len': ['u32', 32], 'perf_event.kprobe.offset': ['u32', 36],
  'perf_event.kprobe.addr': ['u64', 40], 'perf_event.kprobe.missed': ['u64', 48], 'perf_event.kprobe.cookie': ['u64', 56],
  'perf_event.tracepoint.tp_name': ['u64', 24], 'perf_event.tracepoint.name_len': ['u32', 32], 'perf_event.tracepoint.cookie': ['u64', 40],
  'perf_event.event.config': ['u64', 24], 'perf_event.event.type': ['u32', 32], 'perf_event.event.cookie': ['u64', 40],
  'tcx.ifindex': ['u32', 16], 'tcx.attach_type': ['u32', 20],
  'netkit.ifindex': ['u32', 16], 'netkit.attach_type': ['u32', 20],
  'sockmap.map_id': ['u32', 16], 'sockmap.attach_type': ['u32', 20],
});

// biome-ignore format: aligned table
export const bpfTokenInfo = struct(32, {
  allowed_cmds: ['u64', 0], allowed_maps: ['u64', 8], allowed_progs: ['u64', 16], allowed_attachs: ['u64', 24],
});

/** Byte offset within its info struct of each pointer (kind `u64`) that a caller may give a buffer for. */
// biome-ignore format: aligned table
export const INFO_POINTERS = {
  // struct bpf_prog_info
  jited_prog_insns: 24, xlated_prog_insns: 32, map_ids: 56, jited_ksyms: 112, jited_func_lens: 120, func_info: 136, line_info: 152,
  jited_line_info: 160, prog_tags: 184,
  // struct bpf_map_info
  hash: 88,
  // struct bpf_btf_info
  btf: 0, name: 16,
  // struct bpf_link_info
  'raw_tracepoint.tp_name': 16, 'iter.target_name': 16, 'kprobe_multi.addrs': 16, 'kprobe_multi.cookies': 40, 'uprobe_multi.path': 16,
  'uprobe_multi.offsets': 24, 'uprobe_multi.ref_ctr_offsets': 32, 'uprobe_multi.cookies': 40, 'perf_event.uprobe.file_name': 24,
  'perf_event.kprobe.func_name': 24, 'perf_event.tracepoint.tp_name': 24,
} as const;
