import { type AttachType, attachTypeNumber } from '../../uapi/bpf.ts';
import { saying } from '../calls.ts';
import { checkKernel } from '../handle.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfMap } from '../map.ts';
import type { BpfProgram } from '../program.ts';
import { queryPrograms } from './query.ts';
import { attachUndoably } from './undo.ts';

/** What a sockmap or sockhash runs on the sockets in it. */
export type SockmapHook = Extract<AttachType, `sk_skb_${string}` | 'sk_msg_verdict'>;

/** Attaches a program to a map of sockets until it is detached, or the map goes. Throws SysError EINVAL if the map or the program is of another type. */
export function attachToSockmap(program: BpfProgram, map: BpfMap, hook: SockmapHook): void {
  attachUndoably(
    program,
    () => queryPrograms(program.kernel, { map }, hook).programs[0]?.id,
    () => change('BPF_PROG_ATTACH', program, map, hook),
    (former) => (former === undefined ? detachFromSockmap(program, map, hook) : attachToSockmap(former, map, hook)),
  );
}

/** Throws SysError ENOENT if another program is there, or none. */
export function detachFromSockmap(program: BpfProgram, map: BpfMap, hook: SockmapHook): void {
  change('BPF_PROG_DETACH', program, map, hook);
}

/** As {@link attachToSockmap}, for as long as the link (Linux >= 6.10). */
export function linkToSockmap(program: BpfProgram, map: BpfMap, hook: SockmapHook): BpfLink {
  checkKernel(program.kernel, map);
  return createLink(program, `on ${map.label} ${hook}`, { target_fd: map.fd, attach_type: attachTypeNumber[hook] });
}

function change(cmd: 'BPF_PROG_ATTACH' | 'BPF_PROG_DETACH', program: BpfProgram, map: BpfMap, hook: SockmapHook): void {
  checkKernel(program.kernel, map);
  const attr = { target_fd: map.fd, attach_bpf_fd: program.fd, attach_type: attachTypeNumber[hook] };
  saying(`of ${program.label} on ${map.label} ${hook}`, () => program.kernel.bpf(cmd, attr));
}
