import { ATTACH_TYPES, type AttachType, attachTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { CGROUP_ATTACH_TYPES } from '../cgroups/attach-types.ts';
import type { Process } from '../process.ts';
import { SOCKET_MAP_PLACES } from '../sockets/map-programs.ts';
import type { CheckedAttr } from './attr.ts';
import { attachToCgroup, detachFromCgroup, queryCgroup } from './cgroup-attach.ts';
import { attachToNetns, detachFromNetns, queryNetns } from './netns-attach.ts';
import { attachToSockmap, detachFromSockmap, querySockmap } from './sockmap-attach.ts';
import { attachToTcx, detachFromTcx, queryTcx } from './tcx-attach.ts';

/** What a kind of hook does with programs that are attached without a link. */
interface Target {
  readonly attach: (process: Process, attr: CheckedAttr<'BPF_PROG_ATTACH'>) => number;
  readonly detach: (process: Process, attr: CheckedAttr<'BPF_PROG_DETACH'>) => number;
  readonly query: (process: Process, attr: CheckedAttr<'BPF_PROG_QUERY'>) => number;
}

const tcx: Target = { attach: attachToTcx, detach: detachFromTcx, query: queryTcx };
const cgroup: Target = { attach: attachToCgroup, detach: detachFromCgroup, query: queryCgroup };
/** Netfilter has links alone. */
const linksOnly: Target = { attach: () => -errno.EINVAL, detach: () => -errno.EINVAL, query: () => -errno.EINVAL };
const sockmap: Target = { attach: attachToSockmap, detach: detachFromSockmap, query: querySockmap };
const netns: Target = { attach: attachToNetns, detach: detachFromNetns, query: queryNetns };

/** By BPF_* of enum bpf_attach_type. */
const TARGETS: ReadonlyMap<number, Target> = new Map([
  [attachTypeNumber.tcx_ingress, tcx],
  [attachTypeNumber.tcx_egress, tcx],
  [attachTypeNumber.netfilter, linksOnly],
  [attachTypeNumber.flow_dissector, netns],
  [attachTypeNumber.sk_lookup, netns],
  ...SOCKET_MAP_PLACES.map((place) => [attachTypeNumber[place], sockmap] as const),
  ...[...CGROUP_ATTACH_TYPES].map((type) => [type, cgroup] as const),
]);

/** Whether the kernel has anything to do with programs that are attached there without a link. */
export function isAttachPlace(attachType: number): boolean {
  return TARGETS.has(attachType);
}

export function progAttach(process: Process, attr: CheckedAttr<'BPF_PROG_ATTACH'>): number {
  return TARGETS.get(attr.attach_type)?.attach(process, attr) ?? cannotAttach(process, attr.attach_type, ONLY_LINUX);
}
export function progDetach(process: Process, attr: CheckedAttr<'BPF_PROG_DETACH'>): number {
  return TARGETS.get(attr.attach_type)?.detach(process, attr) ?? cannotAttach(process, attr.attach_type, ONLY_LINUX);
}
export function progQuery(process: Process, attr: CheckedAttr<'BPF_PROG_QUERY'>): number {
  return TARGETS.get(attr.attach_type)?.query(process, attr) ?? cannotAttach(process, attr.attach_type, ONLY_LINUX);
}

/** Where only Linux attaches programs, without a link. */
const ONLY_LINUX: readonly AttachType[] = ['lirc_mode2', 'netkit_primary', 'netkit_peer'];

/** ENOTSUPP, with its name, for an attach type of `onlyLinux`; EINVAL for those where nobody attaches. */
export function cannotAttach(process: Process, attachType: number, onlyLinux: readonly AttachType[]): number {
  const name = ATTACH_TYPES[attachType];
  if (name === undefined || !onlyLinux.includes(name)) return -errno.EINVAL;
  return process.fail(errno.ENOTSUPP, `the embedded kernel cannot attach to ${name} yet; use the linux kernel for it`);
}
