import type { Link as Device } from '../net/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { LinkId, ProgId } from '../uapi/fd.ts';
import { TC_H_CLSACT_EGRESS, TC_H_CLSACT_INGRESS, TC_H_ROOT } from '../uapi/netlink.ts';
import { queryPrograms } from './attach/query.ts';
import type { DeviceHook } from './attach/tcx.ts';
import { orUndefined } from './calls.ts';
import { listDevices } from './devices.ts';
import { listLinks } from './link.ts';
import { openProgram } from './program.ts';
import { listFilters, listQdiscs } from './tc.ts';

/** The programs on devices and in the network namespace of this process. */
export interface NetPrograms {
  readonly xdp: readonly XdpPrograms[];
  readonly tc: readonly TcProgram[];
  readonly flowDissector: readonly ProgId[];
  /** Of the whole kernel: a link does not say which namespace it is in. */
  readonly netfilter: readonly {
    readonly pf: number;
    readonly hook: number;
    readonly priority: number;
    readonly flags: number;
    readonly progId: ProgId;
  }[];
}

export interface XdpPrograms {
  readonly device: string;
  readonly ifindex: number;
  /** One for each mode that has one. */
  readonly programs: readonly { readonly mode: 'driver' | 'generic' | 'offload'; readonly id: number }[];
}

interface OnDevice {
  readonly device: string;
  readonly ifindex: number;
  /** `clsact/ingress`, `tcx/egress`, … */
  readonly kind: string;
  readonly name: string | undefined;
  readonly id: number;
}
/** A filter of kind bpf with its actions of that kind, or a program of tcx or netkit. */
export type TcProgram =
  | (OnDevice & { readonly actions: readonly { readonly name: string | undefined; readonly id: number }[] })
  | (OnDevice & { readonly linkId: LinkId | undefined });

/** `only`: the index of one device. */
export function netPrograms(kernel: Kernel, only?: number | undefined): NetPrograms {
  const devices = listDevices(kernel).filter(({ ifindex }) => only === undefined || ifindex === only);
  const links = [...listLinks(kernel)];
  return {
    xdp: devices.flatMap(xdpOf),
    tc: devices.flatMap((device) => [...tcxOf(kernel, device), ...filtersOf(kernel, device)]),
    flowDissector: flowDissectors(kernel),
    netfilter: links.flatMap((info) =>
      info.type === 'netfilter'
        ? [{ pf: info.pf, hook: info.hook, priority: info.priority, flags: info.flags, progId: info.progId }]
        : [],
    ),
  };
}

function xdpOf({ ifindex, name = '', xdp }: Device): XdpPrograms[] {
  if (xdp === undefined) return [];
  const modes = [
    { mode: 'driver', id: xdp.driverProgId },
    { mode: 'generic', id: xdp.genericProgId },
    { mode: 'offload', id: xdp.offloadProgId },
  ] as const;
  const programs = modes.flatMap(({ mode, id }) => (id === undefined || id === 0 ? [] : [{ mode, id }]));
  return programs.length === 0 ? [] : [{ device: name, ifindex, programs }];
}

const HOOKS: readonly (readonly [DeviceHook, string])[] = [
  ['tcx_ingress', 'tcx/ingress'],
  ['tcx_egress', 'tcx/egress'],
  ['netkit_primary', 'netkit/primary'],
  ['netkit_peer', 'netkit/peer'],
];
/** What a kernel or a device says that does not have the hook. */
const NO_HOOK = ['EINVAL', 'ENXIO', 'EOPNOTSUPP', 'ENOTSUPP', 'EACCES', 'ENODEV'];

function tcxOf(kernel: Kernel, { ifindex, name: device = '' }: Device): TcProgram[] {
  return HOOKS.flatMap(([hook, kind]) => {
    const query = orUndefined(NO_HOOK, () => queryPrograms(kernel, { device: ifindex }, hook));
    return (query?.programs ?? []).map(({ id, linkId }) => {
      const name = orUndefined('ENOENT', () => programName(kernel, id));
      return { device, ifindex, kind, name, id, linkId };
    });
  });
}

function programName(kernel: Kernel, id: number): string {
  using program = openProgram(kernel, { id });
  return program.info.name;
}

/** Filters of the kind bpf at the root, at each qdisc but clsact, and at both sides of clsact. */
function filtersOf(kernel: Kernel, { ifindex, name: device = '' }: Device): TcProgram[] {
  const qdiscs = listQdiscs(kernel, device).filter(({ kind, handle }) => kind !== 'clsact' && handle !== 0);
  const parents: readonly (readonly [parent: number, kind: string])[] = [
    ...qdiscs.map(({ handle, kind = 'unknown' }): [number, string] => [handle, kind]),
    [TC_H_ROOT, 'root'],
    [TC_H_CLSACT_INGRESS, 'clsact/ingress'],
    [TC_H_CLSACT_EGRESS, 'clsact/egress'],
  ];
  return parents.flatMap(([parent, kind]) => {
    const filters =
      orUndefined(['EINVAL', 'ENOENT', 'EOPNOTSUPP'], () => listFilters(kernel, { device, parent })) ?? [];
    return filters.flatMap(({ bpf }) => {
      if (bpf?.id === undefined) return [];
      const actions = (bpf.actions ?? []).flatMap((action) =>
        action.bpf?.id === undefined ? [] : [{ name: action.bpf.name, id: action.bpf.id }],
      );
      return [{ device, ifindex, kind, name: bpf.name, id: bpf.id, actions }];
    });
  });
}

function flowDissectors(kernel: Kernel): ProgId[] {
  const missing = ['EINVAL', 'ENOTSUPP', 'ENOENT'];
  const query = orUndefined(missing, () => queryPrograms(kernel, { netns: undefined }, 'flow_dissector'));
  return (query?.programs ?? []).map(({ id }) => id);
}
