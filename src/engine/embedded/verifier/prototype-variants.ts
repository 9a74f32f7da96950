import type { ProgType } from '../../../uapi/bpf.ts';
import { gplSleeps, proto, sleeps } from './prototype-text.ts';
import type { Variant } from './prototypes.ts';

/** Programs that know the kernel's types: they have no context that is a packet or socket. */
const BTF = ['tracing', 'syscall'] as const satisfies readonly ProgType[];
const PERF = [
  'kprobe',
  'tracepoint',
  'perf_event',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  ...BTF,
  'lsm',
] as const;
const SKB = ['sched_cls', 'sched_act', 'lwt_in', 'lwt_out', 'lwt_xmit', 'lwt_seg6local'] as const;

/** Where a program type has another prototype of a helper than prototype-table.ts says. The first that fits holds. */
// biome-ignore format: aligned table
export const VARIANTS: readonly Variant[] = [
  { helper: 'get_cgroup_classid', types: SKB,                                          proto: proto('integer', 'ctx') },
  { helper: 'get_socket_cookie', types: ['sk_reuseport', ...BTF, 'lsm'],                 proto: proto('integer', 'btf_id_sock_common|null') },
  { helper: 'setsockopt',        types: ['cgroup_sockopt', 'lsm', 'struct_ops', 'tracing'], proto: proto('integer', 'btf_id_sock_common', 'anything', 'anything', 'mem|rdonly', 'const_size') },
  { helper: 'getsockopt',        types: ['cgroup_sockopt', 'lsm', 'struct_ops', 'tracing'], proto: proto('integer', 'btf_id_sock_common', 'anything', 'anything', 'mem|uninit|write', 'const_size') },
  { helper: 'sk_assign',         types: ['sk_lookup'],                                   proto: proto('integer', 'ctx', 'socket|null', 'anything') },
  { helper: 'sk_storage_get',    types: ['cgroup_sock'],                                 proto: proto('map_value|null', 'const_map_ptr', 'ctx', 'map_value|null', 'anything') },
  { helper: 'sk_storage_get',    types: BTF,                                             proto: proto('map_value|null', 'const_map_ptr', 'btf_id|null:sock_common', 'map_value|null', 'anything') },
  { helper: 'sk_storage_delete', types: BTF,                                             proto: proto('integer', 'const_map_ptr', 'btf_id|null:sock_common') },
  { helper: 'sk_lookup_tcp',     types: ['cgroup_sock_addr'],                            proto: proto('socket|null', 'ctx', 'mem|rdonly', 'const_size_or_zero', 'anything', 'anything') },
  { helper: 'sk_lookup_udp',     types: ['cgroup_sock_addr'],                            proto: proto('socket|null', 'ctx', 'mem|rdonly', 'const_size_or_zero', 'anything', 'anything') },
  { helper: 'skc_lookup_tcp',    types: ['cgroup_sock_addr'],                            proto: proto('sock_common|null', 'ctx', 'mem|rdonly', 'const_size_or_zero', 'anything', 'anything') },
  { helper: 'xdp_get_buff_len',  types: BTF,                                             proto: proto('integer', 'btf_id:xdp_buff') },
  { helper: 'get_func_ip',       types: ['kprobe'], on: ['trace_kprobe_multi', 'trace_kprobe_session', 'trace_uprobe_multi', 'trace_uprobe_session'], proto: proto('integer', 'ctx') },
  { helper: 'get_stackid',       types: ['perf_event'],                                  proto: proto('integer', 'ctx', 'const_map_ptr', 'anything') },
  { helper: 'get_stack',         types: ['kprobe'], sleepable: true,                     proto: gplSleeps('integer', 'ctx', 'mem|uninit|write', 'const_size_or_zero', 'anything') },
  { helper: 'get_task_stack',    types: PERF, sleepable: true,                           proto: sleeps('integer', 'btf_id:task_struct', 'mem|uninit|write', 'const_size_or_zero', 'anything') },
];
