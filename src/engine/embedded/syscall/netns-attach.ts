import { attachTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { NetnsHook } from '../hooks/netns-programs.ts';
import { NetnsLink } from '../links/netns-link.ts';
import type { Network } from '../net/network.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { CheckedAttr } from './attr.ts';
import { answerQuery } from './query.ts';

/** Which hook of a namespace an attach type means, of the two that there are. */
function hookOf({ attach_type }: { readonly attach_type: number }): NetnsHook {
  return attach_type === attachTypeNumber.flow_dissector ? 'flow_dissector' : 'sk_lookup';
}

/** BPF_LINK_CREATE of a hook of a namespace: the new fd or -errno. */
export function createNetnsLink(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const hook = hookOf(attr);
  const prog = netnsProg(process, attr.prog_fd, hook);
  if (typeof prog === 'number') return prog;
  if (attr.flags !== 0) return -errno.EINVAL;
  const network = netnsOfFd(process, attr.target_fd);
  if (typeof network === 'number') return network;
  const link = new NetnsLink(network, hook, prog);
  const result = link.attach();
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}

/** BPF_PROG_ATTACH of a flow dissector, to the caller's own namespace. Lookups of sockets have links alone. */
export function attachToNetns(process: Process, attr: CheckedAttr<'BPF_PROG_ATTACH'>): number {
  const hook = hookOf(attr);
  const prog = netnsProg(process, attr.attach_bpf_fd, hook);
  if (typeof prog === 'number') return prog;
  if (hook !== 'flow_dissector' || attr.target_fd !== 0 || attr.attach_flags !== 0 || attr.replace_bpf_fd !== 0)
    return -errno.EINVAL;
  return process.network.programs.attachDissector(prog);
}

export function detachFromNetns(process: Process, attr: CheckedAttr<'BPF_PROG_DETACH'>): number {
  const hook = hookOf(attr);
  if (attr.attach_flags !== 0 || attr.target_fd !== 0) return -errno.EINVAL;
  const prog = netnsProg(process, attr.attach_bpf_fd, hook);
  if (typeof prog === 'number') return prog;
  return hook === 'flow_dissector' ? process.network.programs.detachDissector(prog) : -errno.EINVAL;
}

export function queryNetns(process: Process, attr: CheckedAttr<'BPF_PROG_QUERY'>): number {
  const hook = hookOf(attr);
  if (attr.query_flags !== 0) return -errno.EINVAL;
  const network = netnsOfFd(process, attr.target_fd);
  if (typeof network === 'number') return network;
  return answerQuery(
    attr,
    network.programs.of(hook).map(({ id }) => id),
  );
}

function netnsProg(process: Process, fd: number, hook: NetnsHook): BpfProg | number {
  const prog = process.prog(fd);
  return typeof prog === 'number' || prog.attr.type === progTypeNumber[hook] ? prog : -errno.EINVAL;
}

function netnsOfFd({ files }: Process, fd: number): Network | number {
  const file = files.get(fd);
  if (file === undefined) return -errno.EBADF;
  return file.kind === 'netns' ? file.network : -errno.EINVAL;
}
