import { type AttachType, attachTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { BPF_F_REPLACE } from '../../../uapi/link.ts';
import { CGROUP_ATTACH_TYPES } from '../cgroups/attach-types.ts';
import { StructOpsLink } from '../links/struct-ops-link.ts';
import { TcxLink } from '../links/tcx-link.ts';
import { XdpLink } from '../links/xdp-link.ts';
import type { Process } from '../process.ts';
import { SOCKET_MAP_PLACES } from '../sockets/map-programs.ts';
import type { CheckedAttr } from './attr.ts';
import { createCgroupLink } from './cgroup-attach.ts';
import { attachExtension } from './extension-attach.ts';
import { createIterLink } from './iter.ts';
import { createNetfilterLink } from './netfilter-attach.ts';
import { createNetnsLink } from './netns-attach.ts';
import { createPerfLink } from './probe-attach.ts';
import { cannotAttach } from './prog-attach.ts';
import { createSockmapLink } from './sockmap-attach.ts';
import { createStructOpsLink, updateStructOpsLink } from './struct-ops-attach.ts';
import { tcProg, tcRelative, tcxDevice, tcxDirection } from './tcx-attach.ts';
import { createTracingLink } from './tracing-attach.ts';

type Create = (process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>) => number;

/** By BPF_* of enum bpf_attach_type. */
const CREATE: ReadonlyMap<number, Create> = new Map<number, Create>([
  [attachTypeNumber.xdp, createXdp],
  [attachTypeNumber.tcx_ingress, createTcx],
  [attachTypeNumber.tcx_egress, createTcx],
  [attachTypeNumber.perf_event, createPerfLink],
  [attachTypeNumber.trace_iter, createIterLink],
  [attachTypeNumber.trace_raw_tp, createTracingLink],
  [attachTypeNumber.trace_fentry, createTracingLink],
  [attachTypeNumber.trace_fexit, createTracingLink],
  [attachTypeNumber.modify_return, createTracingLink],
  [attachTypeNumber.lsm_mac, createTracingLink],
  [attachTypeNumber.flow_dissector, createNetnsLink],
  [attachTypeNumber.sk_lookup, createNetnsLink],
  [attachTypeNumber.netfilter, createNetfilterLink],

  ...SOCKET_MAP_PLACES.map((place) => [attachTypeNumber[place], createSockmapLink] as const),
  ...[...CGROUP_ATTACH_TYPES].map((type) => [type, createCgroupLink] as const),
]);

/** Where only Linux makes links. */
const ONLY_LINUX: readonly AttachType[] = [
  'netfilter',
  'netkit_primary',
  'netkit_peer',
  'trace_kprobe_multi',
  'trace_kprobe_session',
  'trace_uprobe_multi',
  'trace_uprobe_session',
];

/** Whether the kernel makes links there. */
export function isLinkPlace(attachType: number): boolean {
  return CREATE.has(attachType) || attachType === attachTypeNumber.struct_ops;
}

/** BPF_LINK_CREATE: the new fd or -errno. */
export function linkCreate(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  if (attr.attach_type === attachTypeNumber.struct_ops) return createStructOpsLink(process, attr);
  const given = process.prog(attr.prog_fd);
  if (typeof given !== 'number' && given.attr.type === progTypeNumber.ext)
    return attachExtension(process, given, {
      targetFd: attr.target_fd,
      typeId: attr.target_btf_id,
      attachType: attr.attach_type,
      cookie: attr['tracing.cookie'],
    });
  const create = CREATE.get(attr.attach_type);
  if (create !== undefined) return create(process, attr);
  // What only Linux has is said before anything is looked at; else the program is.
  const answer = cannotAttach(process, attr.attach_type, ONLY_LINUX);
  return answer === -errno.EINVAL && typeof given === 'number' ? given : answer;
}

function createXdp(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  if (prog.attr.type !== progTypeNumber.xdp) return -errno.EINVAL;
  const device = process.network.device(attr.target_ifindex);
  if (device === undefined) return -errno.EINVAL;
  const link = new XdpLink(device, prog);
  const refused = link.attach(attr.flags);
  if (refused === undefined) return process.installLink(link);
  link.put();
  return process.fail(errno[refused.code], refused.text);
}

function createTcx(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const prog = tcProg(process, attr.prog_fd);
  if (typeof prog === 'number') return prog;
  const device = tcxDevice(process, attr.target_ifindex);
  if (typeof device === 'number') return device;
  const relative = tcRelative(process, attr.flags, attr['tcx.relative_fd']);
  const revision = attr['tcx.expected_revision'];
  const direction = tcxDirection(attr.attach_type);
  if (typeof relative === 'number') return device.tcx[direction].refusal(prog, revision) || relative;
  const link = new TcxLink(device, direction, prog);
  const result = link.attach(attr.flags, relative, revision);
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}

/** BPF_LINK_UPDATE: another program in one step. */
export function linkUpdate(process: Process, attr: CheckedAttr<'BPF_LINK_UPDATE'>): number {
  if ((attr.flags & ~BPF_F_REPLACE) !== 0) return -errno.EINVAL;
  const link = process.link(attr.link_fd);
  if (typeof link === 'number') return link;
  if (link instanceof StructOpsLink) return updateStructOpsLink(process, link, attr);
  const prog = process.prog(attr.new_prog_fd);
  if (typeof prog === 'number') return prog;
  if ((attr.flags & BPF_F_REPLACE) === 0) return attr.old_prog_fd === 0 ? link.update(prog, undefined) : -errno.EINVAL;
  const old = process.prog(attr.old_prog_fd);
  return typeof old === 'number' ? old : link.update(prog, old);
}

/** BPF_LINK_DETACH: the link leaves its hook and lives on, as long as something holds it. */
export function linkDetach(process: Process, attr: CheckedAttr<'BPF_LINK_DETACH'>): number {
  const link = process.link(attr.link_fd);
  if (typeof link === 'number') return link;
  if (!link.detachable) return -errno.EOPNOTSUPP;
  link.detach();
  return 0;
}
