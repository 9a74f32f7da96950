import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import {
  BPF_F_AFTER,
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_PREORDER,
  BPF_F_QUERY_EFFECTIVE,
  BPF_F_RELATIVE_LINK,
  BPF_F_REPLACE,
} from '../../../uapi/link.ts';
import { cgroupProgType, fitsCgroupHook, hookNumber } from '../cgroups/attach-types.ts';
import { CgroupLink } from '../links/cgroup-link.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { CheckedAttr } from './attr.ts';
import { answerQuery } from './query.ts';
import { relativeOf } from './relative.ts';

const PLACES = BPF_F_BEFORE | BPF_F_AFTER | BPF_F_ID | BPF_F_PREORDER;
const ATTACH_FLAGS = PLACES | BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
const LINK_FLAGS = PLACES | BPF_F_RELATIVE_LINK;

/** BPF_PROG_ATTACH to a cgroup. */
export function attachToCgroup(process: Process, attr: CheckedAttr<'BPF_PROG_ATTACH'>): number {
  const flags = attr.attach_flags;
  if ((flags & ~ATTACH_FLAGS) !== 0) return -errno.EINVAL;
  const prog = process.prog(attr.attach_bpf_fd);
  if (typeof prog === 'number') return prog;
  if (!fitsCgroupHook(prog, attr.attach_type)) return -errno.EINVAL;
  const cgroup = process.cgroupOf(attr.target_fd);
  if (typeof cgroup === 'number') return cgroup;
  const replacing = (flags & BPF_F_REPLACE) !== 0 && (flags & BPF_F_ALLOW_MULTI) !== 0;
  const replaced = replacing ? progOfType(process, attr.replace_bpf_fd, prog.attr.type) : undefined;
  if (typeof replaced === 'number') return replaced;
  const relative = () => relativeOf(process, flags, attr.relative_fd);
  const hook = hookNumber(attr.attach_type, prog.attr.attachBtfId);
  return cgroup.attach(hook, { prog, link: undefined }, flags, replaced, relative, attr.expected_revision);
}

/** BPF_PROG_DETACH from a cgroup. An fd that is no such program is as none. */
export function detachFromCgroup(process: Process, attr: CheckedAttr<'BPF_PROG_DETACH'>): number {
  if (attr.attach_flags !== 0 || attr.relative_fd !== 0) return -errno.EINVAL;
  const cgroup = process.cgroupOf(attr.target_fd);
  if (typeof cgroup === 'number') return cgroup;
  const prog = progOfType(process, attr.attach_bpf_fd, cgroupProgType(attr.attach_type) ?? 0);
  const named = typeof prog === 'number' ? undefined : prog;
  return cgroup.hook(hookNumber(attr.attach_type, named?.attr.attachBtfId ?? 0)).detach(named, attr.expected_revision);
}

/** BPF_PROG_QUERY of a cgroup: the ids of its own programs, or (BPF_F_QUERY_EFFECTIVE) of those that run there. */
export function queryCgroup(process: Process, attr: CheckedAttr<'BPF_PROG_QUERY'>): number {
  if ((attr.query_flags & ~BPF_F_QUERY_EFFECTIVE) !== 0) return -errno.EINVAL;
  const effective = attr.query_flags !== 0;
  const cgroup = process.cgroupOf(attr.target_fd);
  if (typeof cgroup === 'number') return cgroup;
  if (effective && attr.prog_attach_flags !== undefined) return -errno.EINVAL;
  const isLsm = attr.attach_type === attachTypeNumber.lsm_cgroup;
  // Which hook each is of shows in its flags alone.
  if (isLsm && !effective && attr.count > 0 && attr.prog_ids !== undefined && attr.prog_attach_flags === undefined)
    return -errno.EINVAL;
  const numbers = isLsm ? cgroup.hooksOf(attr.attach_type) : [attr.attach_type];
  const all = numbers.flatMap((number) => {
    const { entries, mode } = cgroup.hook(number);
    return (effective ? cgroup.effective(number) : entries).map(({ prog }) => ({ id: prog.id, mode }));
  });
  const hook = cgroup.hook(attr.attach_type);
  attr.attach_flags = effective || isLsm ? 0 : hook.mode;
  attr.revision = effective || isLsm ? 0n : hook.revision;
  return answerQuery(
    attr,
    all.map(({ id }) => id),
    [[attr.prog_attach_flags, all.map(({ mode }) => mode)]],
  );
}

/** BPF_LINK_CREATE to a cgroup: the new fd or -errno. */
export function createCgroupLink(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  if (!fitsCgroupHook(prog, attr.attach_type)) return -errno.EINVAL;
  const { flags } = attr;
  if ((flags & ~LINK_FLAGS) !== 0) return -errno.EINVAL;
  const cgroup = process.cgroupOf(attr.target_fd);
  if (typeof cgroup === 'number') return cgroup;
  const link = new CgroupLink(prog, hookNumber(attr.attach_type, prog.attr.attachBtfId));
  const relative = () => relativeOf(process, flags, attr['cgroup.relative_fd']);
  const result = link.attach(cgroup, flags, relative, attr['cgroup.expected_revision']);
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}

function progOfType(process: Process, fd: number, type: number): BpfProg | number {
  const prog = process.prog(fd);
  return typeof prog === 'number' || prog.attr.type === type ? prog : -errno.EINVAL;
}
