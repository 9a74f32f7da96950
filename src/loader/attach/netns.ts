import { attachTypeNumber } from '../../uapi/bpf.ts';
import { saying } from '../calls.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { withOpened } from './open.ts';
import { queryPrograms } from './query.ts';
import { attachUndoably } from './undo.ts';

export type NetnsHook = 'flow_dissector' | 'sk_lookup';

/**
 * Attaches a program to a network namespace, given by a file that stands for it; default: that of this process. Throws SysError: E2BIG for a second
 * flow dissector, EEXIST if one is attached without a link.
 *
 * @example
 * using link = attachToNetns(program, 'sk_lookup', '/run/netns/blue');
 */
export function attachToNetns(program: BpfProgram, hook: NetnsHook, netns = '/proc/self/ns/net'): BpfLink {
  return withOpened(program.kernel, netns, (target_fd) =>
    createLink(program, `on ${netns} ${hook}`, { target_fd, attach_type: attachTypeNumber[hook] }),
  );
}

/** The flow dissector of this process's network namespace, without a link; one that is there is replaced. */
export function setFlowDissector(program: BpfProgram): void {
  attachUndoably(
    program,
    () => queryPrograms(program.kernel, { netns: undefined }, 'flow_dissector').programs[0]?.id,
    () => changeFlowDissector('BPF_PROG_ATTACH', program),
    (former) => (former === undefined ? clearFlowDissector(program) : setFlowDissector(former)),
  );
}
/** Throws SysError ENOENT if another one is there, or none. */
export function clearFlowDissector(program: BpfProgram): void {
  changeFlowDissector('BPF_PROG_DETACH', program);
}

function changeFlowDissector(cmd: 'BPF_PROG_ATTACH' | 'BPF_PROG_DETACH', program: BpfProgram): void {
  // Its own namespace is what the kernel takes; target_fd has to be 0.
  const attr = { attach_bpf_fd: program.fd, attach_type: attachTypeNumber.flow_dissector };
  saying(`of ${program.label} flow_dissector`, () => program.kernel.bpf(cmd, attr));
}
