import { progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { BPF_F_NETFILTER_IP_DEFRAG } from '../../../uapi/link.ts';
import { NF_INET, NFPROTO_IPV4, NFPROTO_IPV6 } from '../hooks/netfilter.ts';
import { NetfilterLink, type NetfilterPlace } from '../links/netfilter-link.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';

// Taken by the kernel's own: connection tracking comes last.
const NF_IP_PRI_FIRST = -0x80000000;
const NF_IP_PRI_LAST = 0x7fffffff;
/** Fragments are put together here: whoever asks for that comes later. */
const NF_IP_PRI_CONNTRACK_DEFRAG = -400;

/** BPF_LINK_CREATE of a netfilter program, in the network namespace of the process: the new fd or -errno. */
export function createNetfilterLink(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  if (prog.attr.type !== progTypeNumber.netfilter || attr.flags !== 0) return -errno.EINVAL;
  const place = {
    pf: attr['netfilter.pf'],
    hook: attr['netfilter.hooknum'],
    priority: attr['netfilter.priority'] | 0,
    flags: attr['netfilter.flags'],
  };
  const refused = refusal(place);
  if (refused !== 0) return refused;
  const link = new NetfilterLink(prog, place);
  const result = link.attach(process.network);
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}

function refusal({ pf, hook, priority, flags }: NetfilterPlace): number {
  if ((flags & ~BPF_F_NETFILTER_IP_DEFRAG) !== 0) return -errno.EOPNOTSUPP;
  if (pf !== NFPROTO_IPV4 && pf !== NFPROTO_IPV6) return -errno.EAFNOSUPPORT;
  if (hook >= NF_INET.hooks) return -errno.EPROTO;
  if (priority === NF_IP_PRI_FIRST || priority === NF_IP_PRI_LAST) return -errno.ERANGE;
  return flags !== 0 && priority <= NF_IP_PRI_CONNTRACK_DEFRAG ? -errno.ERANGE : 0;
}
