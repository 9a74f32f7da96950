import { type AttachType, attachTypeNumber, type ProgType, progTypeNumber } from '../../../uapi/bpf.ts';
import type { BpfProg } from '../progs/prog.ts';

/** Which programs the hooks of a cgroup take. */
// biome-ignore format: a row a type
const ATTACH_TYPES: readonly (readonly [ProgType, readonly AttachType[]])[] = [
  ['cgroup_skb', ['cgroup_inet_ingress', 'cgroup_inet_egress']],
  ['cgroup_sock', ['cgroup_inet_sock_create', 'cgroup_inet_sock_release', 'cgroup_inet4_post_bind', 'cgroup_inet6_post_bind']],
  ['cgroup_sock_addr', [
    'cgroup_inet4_bind', 'cgroup_inet6_bind', 'cgroup_inet4_connect', 'cgroup_inet6_connect', 'cgroup_unix_connect',
    'cgroup_inet4_getpeername', 'cgroup_inet6_getpeername', 'cgroup_unix_getpeername',
    'cgroup_inet4_getsockname', 'cgroup_inet6_getsockname', 'cgroup_unix_getsockname',
    'cgroup_udp4_sendmsg', 'cgroup_udp6_sendmsg', 'cgroup_unix_sendmsg', 'cgroup_udp4_recvmsg', 'cgroup_udp6_recvmsg', 'cgroup_unix_recvmsg',
  ]],
  ['cgroup_sockopt', ['cgroup_getsockopt', 'cgroup_setsockopt']],
  ['cgroup_device', ['cgroup_device']],
  ['cgroup_sysctl', ['cgroup_sysctl']],
  ['sock_ops', ['cgroup_sock_ops']],
  ['lsm', ['lsm_cgroup']],
];

const PROG_TYPE_OF: ReadonlyMap<number, number> = new Map(
  ATTACH_TYPES.flatMap(([prog, types]) => types.map((type) => [attachTypeNumber[type], progTypeNumber[prog]])),
);

/** Types whose programs are loaded for one hook and run at no other. */
const BOUND: ReadonlySet<number> = new Set(
  (['cgroup_sock', 'cgroup_sock_addr', 'cgroup_sockopt', 'lsm'] as const).map((type) => progTypeNumber[type]),
);

/** The attach types (BPF_* of enum bpf_attach_type) that a cgroup has. */
export const CGROUP_ATTACH_TYPES: ReadonlySet<number> = new Set(PROG_TYPE_OF.keys());

/** BPF_PROG_TYPE_* that a hook takes. */
export function cgroupProgType(attachType: number): number | undefined {
  return PROG_TYPE_OF.get(attachType);
}

/** Whether a program may be attached there. */
export function fitsCgroupHook(prog: BpfProg, attachType: number): boolean {
  const { type, expectedAttachType, enforceAttachType } = prog.attr;
  const isBound = BOUND.has(type) || enforceAttachType;
  return PROG_TYPE_OF.get(attachType) === type && (!isBound || expectedAttachType === attachType);
}

/** Bits of a hook's number that are its attach type. */
const TYPE_BITS = 8;

/** What a cgroup knows a hook by: the attach type, and of hooks of LSM, which have one in common, also which function of the kernel it is. */
export function hookNumber(attachType: number, btfId: number): number {
  return attachType === attachTypeNumber.lsm_cgroup ? (btfId << TYPE_BITS) | attachType : attachType;
}
export function attachTypeOf(hook: number): number {
  return hook & ((1 << TYPE_BITS) - 1);
}
