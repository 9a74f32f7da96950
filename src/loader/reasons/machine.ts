import { PROG_TYPES, type ProgType } from '../../uapi/bpf.ts';
import { numberOf, type Reason, type Refusal, type Rule } from './reason.ts';

/** Errnos of a kernel that does not permit something. */
const NOT_PERMITTED = /^(EPERM|EACCES)$/;
const ABSENT = /^(ENOENT|ENODEV|ENOSYS|EOPNOTSUPP|ENOTSUPP|EINVAL)$/;

/** What `diagnose` looks at that a refused call needs. `when` narrows it down. */
interface Need {
  readonly call: RegExp;
  readonly code: RegExp;
  readonly when?: (refusal: Refusal) => boolean;
  readonly findings: readonly string[];
}

/** Says that the call fails, not why: only where nothing else is known. */
const LAST_RESORT = 'bpf(2)';

const TRAMPOLINES: ReadonlySet<ProgType> = new Set(['tracing', 'lsm', 'ext']);
// Source: is_net_admin_prog_type() and is_perfmon_prog_type() of Linux 6.18.
// biome-ignore format: by capability
const NETWORK: ReadonlySet<ProgType> = new Set([
  'sched_cls', 'sched_act', 'xdp', 'lwt_in', 'lwt_out', 'lwt_xmit', 'lwt_seg6local', 'sk_skb', 'sk_msg', 'flow_dissector', 'cgroup_device',
  'cgroup_sock', 'cgroup_sock_addr', 'cgroup_sockopt', 'cgroup_sysctl', 'sock_ops', 'ext', 'netfilter',
]);
// biome-ignore format: by capability
const TRACING: ReadonlySet<ProgType> = new Set([
  'kprobe', 'tracepoint', 'perf_event', 'raw_tracepoint', 'raw_tracepoint_writable', 'tracing', 'lsm', 'struct_ops', 'ext',
]);

const ofType =
  (types: ReadonlySet<ProgType>) =>
  (refusal: Refusal): boolean =>
    types.has(PROG_TYPES[numberOf(refusal, 'prog_type')] ?? 'unspec');

const saying =
  (text: RegExp) =>
  ({ error }: Refusal): boolean =>
    error.detail === undefined ? error.code === 'ENOENT' : text.test(error.detail);

const NEEDS: readonly Need[] = [
  {
    call: /^BPF_/,
    code: /^(EPERM|ENOSYS)$/,
    findings: ['user namespace', 'CAP_BPF', 'RLIMIT_MEMLOCK', LAST_RESORT],
  },
  { call: /^BPF_PROG_LOAD$/, code: NOT_PERMITTED, when: ofType(NETWORK), findings: ['CAP_NET_ADMIN'] },
  { call: /^BPF_PROG_LOAD$/, code: NOT_PERMITTED, when: ofType(TRACING), findings: ['CAP_PERFMON', 'lockdown'] },
  {
    call: /^BPF_(PROG_LOAD|RAW_TRACEPOINT_OPEN|LINK_CREATE)$/,
    code: /^(EPERM|EINVAL|ENOTSUPP|EOPNOTSUPP|EBUSY)$/,
    when: ofType(TRAMPOLINES),
    findings: ['BTF', 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS', 'net.core.bpf_jit_enable'],
  },
  { call: /^BPF_PROG_LOAD$/, code: /./, when: ofType(new Set(['lsm'])), findings: ['CONFIG_BPF_LSM'] },
  { call: /_GET_(FD_BY|NEXT)_ID$/, code: NOT_PERMITTED, findings: ['CAP_SYS_ADMIN'] },
  { call: /^BPF_(PROG_ATTACH|PROG_DETACH|LINK_CREATE|PROG_QUERY)$/, code: NOT_PERMITTED, findings: ['CAP_NET_ADMIN'] },
  { call: /^RTM_/, code: NOT_PERMITTED, findings: ['CAP_NET_ADMIN'] },
  { call: /^RTM_NEWQDISC$/, code: ABSENT, when: saying(/kind is unknown/), findings: ['CONFIG_NET_SCH_INGRESS'] },
  { call: /^RTM_NEWTFILTER$/, code: ABSENT, when: saying(/classifier not found/), findings: ['CONFIG_NET_CLS_BPF'] },
  {
    call: /^RTM_(NEWTFILTER|NEWACTION|GETACTION|DELACTION)$/,
    code: ABSENT,
    when: saying(/action (module|not found)/),
    findings: ['CONFIG_NET_CLS_ACT', 'CONFIG_NET_ACT_BPF'],
  },
  { call: /^mount$/, code: NOT_PERMITTED, findings: ['CAP_SYS_ADMIN'] },
  { call: /^perf_event_open$/, code: NOT_PERMITTED, findings: ['kernel.perf_event_paranoid', 'lockdown'] },
  { call: /^BPF_OBJ_(PIN|GET)$/, code: /^(EPERM|ENOENT|EINVAL)$/, findings: ['bpffs'] },
];

/** What this machine, or this user, lacks for the call. */
export const machineLacks: Rule = (refusal) => {
  const { error } = refusal;
  const names = NEEDS.filter(
    ({ call, code, when }) => call.test(error.syscall) && code.test(error.code) && (when?.(refusal) ?? true),
  ).flatMap(({ findings }) => findings);
  const findings = [...new Set(names)].flatMap((name) => refusal.lacks(name) ?? []);
  return findings
    .filter(({ what }) => what !== LAST_RESORT || findings.length === 1)
    .map(({ what, found, why, fix }): Reason => ({ why: `${what}: ${found} (${why})`, fix }));
};
