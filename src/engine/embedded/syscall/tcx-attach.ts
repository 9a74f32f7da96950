import type { Direction } from '../../../sys/lab.ts';
import { attachTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { BPF_F_AFTER, BPF_F_BEFORE, BPF_F_ID, BPF_F_RELATIVE_LINK, BPF_F_REPLACE } from '../../../uapi/link.ts';
import type { Mprog, Relative } from '../hooks/mprog.ts';
import type { Device } from '../net/device.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { CheckedAttr } from './attr.ts';
import { answerQuery } from './query.ts';
import { relativeOf } from './relative.ts';

const ATTACH_FLAGS = BPF_F_REPLACE | BPF_F_BEFORE | BPF_F_AFTER | BPF_F_ID | BPF_F_RELATIVE_LINK;

/** BPF_PROG_ATTACH to tcx. */
export function attachToTcx(process: Process, attr: CheckedAttr<'BPF_PROG_ATTACH'>): number {
  const flags = attr.attach_flags;
  if ((flags & ~ATTACH_FLAGS) !== 0) return -errno.EINVAL;
  const prog = tcProg(process, attr.attach_bpf_fd);
  if (typeof prog === 'number') return prog;
  const hook = tcxHook(process, attr.target_ifindex, tcxDirection(attr.attach_type));
  if (typeof hook === 'number') return hook;
  const old = (flags & BPF_F_REPLACE) === 0 ? undefined : tcProg(process, attr.replace_bpf_fd);
  if (typeof old === 'number') return old;
  const relative = tcRelative(process, flags, attr.relative_fd);
  if (typeof relative === 'number') return hook.refusal(prog, attr.expected_revision) || relative;
  return hook.attach({ prog, link: undefined }, flags, relative, attr.expected_revision, old);
}

/** BPF_PROG_DETACH from tcx. */
export function detachFromTcx(process: Process, attr: CheckedAttr<'BPF_PROG_DETACH'>): number {
  const flags = attr.attach_flags;
  if ((flags & ~ATTACH_FLAGS) !== 0) return -errno.EINVAL;
  const prog = attr.attach_bpf_fd === 0 ? undefined : tcProg(process, attr.attach_bpf_fd);
  if (typeof prog === 'number') return prog;
  const hook = tcxHook(process, attr.target_ifindex, tcxDirection(attr.attach_type));
  if (typeof hook === 'number') return hook;
  const relative = tcRelative(process, flags, attr.relative_fd);
  if (typeof relative === 'number') return hook.detachRefusal(flags, attr.expected_revision) || relative;
  return hook.detach(prog, flags, relative, attr.expected_revision);
}

/** BPF_PROG_QUERY of tcx: ids of the programs and links in the order in which they run. -ENOSPC with the first ones if there is no room for all. */
export function queryTcx(process: Process, attr: CheckedAttr<'BPF_PROG_QUERY'>): number {
  const hook = tcxHook(process, attr.target_ifindex, tcxDirection(attr.attach_type));
  if (typeof hook === 'number') return hook;
  if (attr.query_flags !== 0 || attr.attach_flags !== 0) return -errno.EINVAL;
  const { entries } = hook;
  attr.revision = hook.revision;
  const none = entries.map(() => 0);
  return answerQuery(
    attr,
    entries.map(({ prog }) => prog.id),
    [
      [attr.link_ids, entries.map(({ link }) => link?.id ?? 0)],
      [attr.prog_attach_flags, none],
      [attr.link_attach_flags, none],
    ],
  );
}

/** The direction of one of the two attach types. */
export function tcxDirection(attachType: number): Direction {
  return attachType === attachTypeNumber.tcx_ingress ? 'ingress' : 'egress';
}

export function tcxDevice(process: Process, ifindex: number): Device | number {
  return process.network.device(ifindex) ?? -errno.ENODEV;
}

function tcxHook(process: Process, ifindex: number, direction: Direction): Mprog | number {
  const device = tcxDevice(process, ifindex);
  return typeof device === 'number' ? device : device.tcx[direction];
}

/** The program of an fd, which has to be a classifier. */
export function tcProg(process: Process, fd: number): BpfProg | number {
  const prog = process.prog(fd);
  return typeof prog === 'number' || isClassifier(prog) ? prog : -errno.EINVAL;
}

/** What relative_fd or relative_id names, which has to be a classifier. */
export function tcRelative(process: Process, flags: number, name: number): Relative | number {
  const named = relativeOf(process, flags, name);
  return typeof named === 'number' || named.prog === undefined || isClassifier(named.prog) ? named : -errno.EINVAL;
}

function isClassifier(prog: BpfProg): boolean {
  return prog.attr.type === progTypeNumber.sched_cls;
}
