import { errno } from '../../../uapi/errno.ts';
import { BPF_F_ID, BPF_F_RELATIVE_LINK } from '../../../uapi/link.ts';
import { NOTHING_RELATIVE, type Relative } from '../hooks/mprog.ts';
import type { Process } from '../process.ts';

/** What relative_fd or relative_id names beside which a program shall stand, of whatever type; -errno. */
export function relativeOf(process: Process, flags: number, name: number): Relative | number {
  const { machine } = process;
  const byId = (flags & BPF_F_ID) !== 0;
  if ((flags & BPF_F_RELATIVE_LINK) !== 0) {
    const link = byId ? (machine.links.get(name) ?? -errno.ENOENT) : process.link(name);
    if (typeof link === 'number') return link;
    return link.prog === undefined ? -errno.EINVAL : { prog: link.prog, link };
  }
  if (!byId && name === 0) return NOTHING_RELATIVE;
  const prog = byId ? (machine.progs.get(name) ?? -errno.ENOENT) : process.prog(name);
  return typeof prog === 'number' ? prog : { prog, link: undefined };
}
