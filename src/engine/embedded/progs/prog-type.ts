import type { ProgType as ProgTypeName } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';

/** A program type of the embedded kernel: one row here, one file beside. */
export interface ProgType {
  readonly name: ProgTypeName;
  /** What may be called: the lists of helpers/allowed.ts. */
  readonly helpers: readonly HelperName[];
  /** What the context is: `struct __sk_buff` or `struct xdp_md`. */
  readonly context: 'skb' | 'xdp';
  /** Whether the program's data starts at the link header; else at the network header. Always true for `xdp`. */
  readonly linkHeader: boolean;
  /** LD_ABS and LD_IND are allowed. */
  readonly packetLoads: boolean;
  /** The values of expected_attach_type that BPF_PROG_LOAD takes; `undefined`: any. */
  readonly attachTypes: readonly number[] | undefined;
}
