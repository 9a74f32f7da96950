import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { bpfCgroupDevCtx } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { Placed } from '../placed.ts';
import type { Cgroup } from './cgroup.ts';
import { type CgroupVerdict, runCgroupHook } from './run-hook.ts';

/** A device node that a process opens or makes. */
export interface DeviceNode {
  readonly kind: 'block' | 'char';
  readonly major: number;
  readonly minor: number;
}
export type DeviceAccess = 'mknod' | 'read' | 'write';

// BPF_DEVCG_DEV_*, BPF_DEVCG_ACC_*
const KINDS = { block: 1, char: 2 } as const;
const ACCESSES = { mknod: 1, read: 2, write: 4 } as const;

/** Whether the programs of a cgroup let its processes get at a device: 0 or -errno. */
export function checkDevice(
  machine: Machine,
  cgroup: Cgroup,
  node: DeviceNode,
  accesses: readonly DeviceAccess[],
): CgroupVerdict {
  const access = accesses.reduce((bits, name) => bits | ACCESSES[name], 0);
  const access_type = (access << 16) | KINDS[node.kind];
  const { major, minor } = node;
  using context = Placed.put(machine.memory, bpfCgroupDevCtx.encode({ access_type, major, minor }));
  if (context === undefined) return { retval: -errno.ENOMEM, flags: 0, fault: undefined };
  const call = { kind: 'cgroup', retval: 0 } as const;
  return runCgroupHook(machine, cgroup, attachTypeNumber.cgroup_device, context.address, call);
}
