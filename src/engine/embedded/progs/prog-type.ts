import type { AttachType, ProgType as ProgTypeName } from '../../../uapi/bpf.ts';

/** How BPF_PROG_TEST_RUN runs programs of a type: one file test-run-*.ts each. */
export type TestRunKind =
  | 'skb'
  | 'xdp'
  | 'flow_dissector'
  | 'sk_lookup'
  | 'raw'
  | 'tracing'
  | 'syscall'
  | 'netfilter'
  | 'struct_ops';

/** A program type of the embedded kernel: one row of progs/table.ts. */
export interface ProgType {
  readonly name: ProgTypeName;
  /** What stands in r1: a struct of uapi/contexts.ts, `struct __sk_buff`, `struct xdp_md`, or words (`args`). */
  readonly context:
    | '__sk_buff'
    | 'xdp_md'
    | 'bpf_sock'
    | 'bpf_sock_addr'
    | 'bpf_sock_ops'
    | 'bpf_sockopt'
    | 'bpf_sysctl'
    | 'bpf_cgroup_dev_ctx'
    | 'sk_msg_md'
    | 'bpf_sk_lookup'
    | 'sk_reuseport_md'
    | 'bpf_nf_ctx'
    | 'pt_regs'
    | 'bpf_perf_event_data'
    | 'record'
    | 'args';
  /** Of packets: whether the program's data starts at the link header; else at the network header. */
  readonly linkHeader?: true;
  /** LD_ABS and LD_IND are allowed. */
  readonly packetLoads?: true;
  /** It may be loaded with BPF_F_SLEEPABLE; `always`: it has to be. */
  readonly sleepable?: 'may' | 'always';
  /** What expected_attach_type may be: only 0 if empty, any if not said. */
  readonly attachTypes?: readonly AttachType[];
  /** What expected_attach_type is taken for if it is 0. */
  readonly defaultAttachType?: AttachType;
  /** Not said: there are no test runs of this type, on Linux neither (ENOTSUPP). */
  readonly testRun?: TestRunKind;
}
