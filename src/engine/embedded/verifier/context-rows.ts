import type { AttachType, ProgType } from '../../../uapi/bpf.ts';

export type PointerKind =
  | 'packet'
  | 'packet_meta'
  | 'packet_end'
  | 'socket'
  | 'socket_or_null'
  | 'sock_common_or_null'
  | 'tp_buffer'
  | 'flow_keys'
  /** What it is, the kernel's BTF says. */
  | 'btf';

/**
 * From and to which byte, which sizes may be read and which written there, each aligned to its size unless it says otherwise, and what a pointer there points to.
 */
export type Row = readonly [
  from: number,
  to: number,
  reads: string,
  writes?: string,
  kind?: PointerKind | '',
  align?: 'unaligned',
];

export interface Context {
  readonly types: readonly ProgType[];
  /** The hooks that see it so. Absent: all that no other row of the type names. */
  readonly on?: readonly AttachType[];
  readonly rows: readonly Row[];
}

/** struct bpf_sock, from `src_ip4` or `src_ip6` on; what narrow loads there are follows the members' own sizes. */
// biome-ignore format: aligned table
const ADDRESSES = {
  local4: [24, 28, '124'], local6: [28, 44, '124'],
  local: [[44, 48, '4'], [44, 46, '2'], [44, 45, '1']],
  remote: [[48, 50, '12'], [48, 52, '4'], [52, 72, '124'], [72, 80, '4'], [72, 74, '2'], [72, 73, '1'], [76, 78, '2'], [76, 77, '1']],
} as const;
// biome-ignore format: aligned table
const FAMILY = [[4, 8, '4'], [4, 6, '2'], [4, 5, '1']] as const;
// biome-ignore format: aligned table
const SOCKET = [...FAMILY, [8, 16, '4'], [8, 10, '2'], [8, 9, '1'], [12, 14, '2'], [12, 13, '1']] as const;

// struct bpf_sock_addr
const ADDR = [
  [0, 4, '4'],
  [24, 28, '124', '4'],
  [28, 40, '4'],
  [64, 72, '8', '', 'socket'],
] as const;
const USER_IP4 = [4, 8, '124', '4'] as const;
const USER_IP6 = [8, 24, '1248', '48'] as const;

// struct __sk_buff: `len`, `pkt_type`, ...
const DATA = [
  [76, 80, '4', '', 'packet'],
  [80, 84, '4', '', 'packet_end'],
] as const;
const SK = [168, 176, '8', '', 'sock_common_or_null'] as const;
const CB = [
  [48, 64, '1248', '1248'],
  [64, 68, '124', '124'],
] as const;
const ENDPOINTS = [
  [84, 92, '124'],
  [92, 132, '4'],
  [132, 140, '124'],
] as const;
const REGISTERS = 168;

/**
 * What of its context a program of each type sees and may change, as of Linux 6.18: every offset and size asked of the running kernel
 * (test/linux/context-access.netns.ts asks again).
 */
// biome-ignore format: aligned table
export const CONTEXTS: readonly Context[] = [
  { types: ['socket_filter'], rows: [
    [0, 48, '124'], ...CB, [68, 72, '124'], [84, 88, '124'], [164, 168, '124'], SK, [176, 180, '124'],
  ] },
  { types: ['sched_cls', 'sched_act'], rows: [
    [0, 8, '124'], [8, 16, '124', '4'], [16, 32, '124'], [32, 36, '124', '4'], [36, 44, '124'], [44, 48, '124', '4'], ...CB, [68, 72, '124'],
    [72, 76, '124', '4'], ...DATA, [84, 88, '124'], [140, 144, '4', '', 'packet_meta'], [152, 160, '8', '8'], [160, 168, '124'], SK,
    [176, 180, '124'], [180, 181, '1'], [184, 192, '8'],
  ] },
  { types: ['cgroup_skb'], rows: [
    [0, 8, '124'], [8, 12, '124', '4'], [12, 32, '124'], [32, 36, '124', '4'], [36, 48, '124'], ...CB, [68, 72, '124'], ...DATA, ...ENDPOINTS,
    [152, 160, '8', '8'], [164, 168, '124'], SK, [176, 180, '124'], [184, 192, '8'],
  ] },
  { types: ['lwt_in', 'lwt_out', 'lwt_xmit', 'lwt_seg6local'], rows: [
    [0, 8, '124'], [8, 12, '124', '4'], [12, 32, '124'], [32, 36, '124', '4'], [36, 48, '124'], ...CB, [68, 72, '124'], ...DATA, [84, 88, '124'],
    [164, 168, '124'], SK, [176, 180, '124'],
  ] },
  { types: ['sk_skb'], rows: [
    [0, 8, '124'], [12, 32, '124'], [32, 36, '124', '4'], [36, 44, '124'], [44, 48, '124', '4'], [48, 64, '1248'], [64, 72, '124'], ...DATA,
    ...ENDPOINTS, [164, 168, '124'], SK, [176, 180, '124'],
  ] },
  { types: ['flow_dissector'], rows: [...DATA, [144, 152, '8', '', 'flow_keys']] },
  { types: ['sock_ops'], rows: [
    [0, 4, '4'], [4, 8, '4', '4'], [8, 164, '4'], [164, 168, '4', '4'], [168, 184, '8'], [184, 192, '8', '', 'socket_or_null'],
    [192, 200, '8', '', 'packet'], [200, 208, '8', '', 'packet_end'], [208, 216, '4'], [212, 214, '2'], [212, 213, '1'], [216, 224, '8'],
  ] },
  { types: ['cgroup_sock'], rows: [[0, 4, '4', '4'], ...SOCKET, [16, 24, '4', '4'], ...ADDRESSES.remote] },
  { types: ['cgroup_sock'], on: ['cgroup_inet4_post_bind'], rows: [...SOCKET, ADDRESSES.local4, ...ADDRESSES.local, ...ADDRESSES.remote] },
  { types: ['cgroup_sock'], on: ['cgroup_inet6_post_bind'], rows: [...SOCKET, ADDRESSES.local6, ...ADDRESSES.local, ...ADDRESSES.remote] },
  { types: ['cgroup_sock_addr'], rows: ADDR },
  { types: ['cgroup_sock_addr'], on: ['cgroup_udp4_sendmsg'], rows: [...ADDR, USER_IP4, [40, 44, '124', '4']] },
  { types: ['cgroup_sock_addr'], on: ['cgroup_udp6_sendmsg'], rows: [
    ...ADDR, USER_IP6, [44, 48, '124', '4'], [48, 56, '1248', '48'], [56, 60, '124', '4'],
  ] },
  { types: ['cgroup_sock_addr'], rows: [...ADDR, USER_IP4], on: [
    'cgroup_inet4_bind', 'cgroup_inet4_connect', 'cgroup_udp4_recvmsg', 'cgroup_inet4_getpeername', 'cgroup_inet4_getsockname',
  ] },
  { types: ['cgroup_sock_addr'], rows: [...ADDR, USER_IP6], on: [
    'cgroup_inet6_bind', 'cgroup_inet6_connect', 'cgroup_udp6_recvmsg', 'cgroup_inet6_getpeername', 'cgroup_inet6_getsockname',
  ] },
  { types: ['xdp'], rows: [[0, 4, '4', '', 'packet'], [4, 8, '4', '', 'packet_end'], [8, 12, '4', '', 'packet_meta'], [12, 20, '4']] },
  { types: ['xdp'], on: ['xdp_devmap'], rows: [
    [0, 4, '4', '', 'packet'], [4, 8, '4', '', 'packet_end'], [8, 12, '4', '', 'packet_meta'], [12, 24, '4'],
  ] },
  { types: ['perf_event'], rows: [[0, REGISTERS, '8'], [REGISTERS, 184, '1248']] },
  { types: ['kprobe'], rows: [[0, REGISTERS, '1248']] },
  { types: ['tracepoint'], rows: [[8, 8192, '1248']] },
  { types: ['raw_tracepoint'], rows: [[0, 96, '1248']] },
  { types: ['raw_tracepoint_writable'], rows: [
    [0, 8, '8', '', 'tp_buffer'], [1, 8, '1'], [2, 8, '2'], [4, 8, '4'], [8, 96, '1248'],
  ] },
  { types: ['sk_msg'], rows: [[0, 8, '8', '', 'packet'], [8, 16, '8', '', 'packet_end'], [16, 72, '4'], [72, 80, '8', '', 'socket']] },
  { types: ['cgroup_device'], rows: [[0, 4, '124'], [4, 12, '4']] },
  { types: ['cgroup_sysctl'], rows: [[0, 4, '124'], [4, 8, '124', '4']] },
  { types: ['cgroup_sockopt'], on: ['cgroup_getsockopt'], rows: [
    [0, 8, '8', '', 'socket'], [8, 16, '8', '', 'packet'], [16, 24, '8', '', 'packet_end'], [24, 32, '4'], [32, 40, '4', '4'],
  ] },
  { types: ['cgroup_sockopt'], on: ['cgroup_setsockopt'], rows: [
    [0, 8, '8', '', 'socket'], [8, 16, '8', '', 'packet'], [16, 24, '8', '', 'packet_end'], [24, 36, '4', '4'],
  ] },
  { types: ['sk_reuseport'], rows: [
    [0, 8, '8', '', 'packet'], [8, 16, '8', '', 'packet_end'], [16, 20, '124'], [20, 24, '24'], [24, 32, '124'], [32, 36, '4'],
    [40, 48, '8', '', 'socket'], [48, 56, '8', '', 'sock_common_or_null'],
  ] },
  { types: ['sk_lookup'], rows: [[0, 8, '8', '', 'socket_or_null'], [8, 68, '124']] },
  { types: ['netfilter'], rows: [[0, 16, '8', '', 'btf']] },
  // Sixteen bits of a size, less than all of them.
  { types: ['syscall'], rows: [[0, 65535, '1248', '1248']] },
  { types: ['lirc_mode2'], rows: [[0, 4, '4']] },
];

/** The same for pointers that a program gets from its context or a helper. */
// biome-ignore format: aligned table
export const SOCKETS = {
  sock_common: [[0, 4, '4'], ...FAMILY, ADDRESSES.local4, ADDRESSES.local6, ...ADDRESSES.local, ...ADDRESSES.remote],
  socket: [[0, 4, '4'], ...SOCKET, [16, 24, '4'], ADDRESSES.local4, ADDRESSES.local6, ...ADDRESSES.local, ...ADDRESSES.remote],
  tcp_sock: [[0, 80, '4'], [80, 96, '8'], [96, 112, '4']],
  xdp_sock: [[0, 4, '4']],
  flow_keys: [[0, 56, '1248', '1248', '', 'unaligned']],
} as const satisfies Readonly<Record<string, readonly Row[]>>;
