import { attachTypeNumber } from '../../uapi/bpf.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { withDirectory } from './open.ts';

export type NetnsHook = 'flow_dissector' | 'sk_lookup';

/**
 * Attaches a program to a network namespace, given by a file that stands for it; default: that of this process. Throws SysError: E2BIG for a second
 * flow dissector, EEXIST if one is attached without a link.
 *
 * @example
 * using link = attachToNetns(program, 'sk_lookup', '/run/netns/blue');
 */
export function attachToNetns(program: BpfProgram, hook: NetnsHook, netns = '/proc/self/ns/net'): BpfLink {
  return withDirectory(program.kernel, netns, (target_fd) =>
    createLink(program, `on ${netns} ${hook}`, { target_fd, attach_type: attachTypeNumber[hook] }),
  );
}
