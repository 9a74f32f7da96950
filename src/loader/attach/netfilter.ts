import { attachTypeNumber } from '../../uapi/bpf.ts';
import { BPF_F_NETFILTER_IP_DEFRAG } from '../../uapi/link.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';

/** NFPROTO_* of those families that programs can be attached for. */
export const NETFILTER_FAMILIES = { ip: 2, ip6: 10 } as const;
/** NF_INET_*. */
export const NETFILTER_HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

export interface NetfilterOptions {
  /** Lower ones run first. The lowest and the highest of all are not to be had. */
  readonly priority: number;
  /** Put fragments together first (Linux >= 6.6). */
  readonly defragment?: boolean | undefined;
}

/** Attaches a program of type netfilter in the network namespace of this process, for as long as the link (Linux >= 6.4). */
export function attachNetfilter(
  program: BpfProgram,
  family: keyof typeof NETFILTER_FAMILIES,
  hook: keyof typeof NETFILTER_HOOKS,
  { priority, defragment = false }: NetfilterOptions,
): BpfLink {
  return createLink(program, `on ${family} ${hook}`, {
    attach_type: attachTypeNumber.netfilter,
    'netfilter.pf': NETFILTER_FAMILIES[family],
    'netfilter.hooknum': NETFILTER_HOOKS[hook],
    'netfilter.priority': priority,
    'netfilter.flags': defragment ? BPF_F_NETFILTER_IP_DEFRAG : 0,
  });
}
