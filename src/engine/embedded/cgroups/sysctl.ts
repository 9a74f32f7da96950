import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { bpfSysctl } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { Placed } from '../placed.ts';
import type { Cgroup } from './cgroup.ts';
import { runCgroupHook } from './run-hook.ts';
import { SYSCTL_PAGE, type SysctlAccess } from './sysctl-access.ts';

/** What of an access to a sysctl the programs let be. */
export interface SysctlVerdict {
  /** 0 or -errno. */
  readonly retval: number;
  /** Where in the file. */
  readonly position: number;
  /** What is written; empty for a read. */
  readonly value: Uint8Array;
}

/** Runs the programs of a cgroup for a read (`value` undefined) or write of a sysctl whose text is `current`. */
export function checkSysctl(
  machine: Machine,
  cgroup: Cgroup,
  name: string,
  current: Uint8Array,
  position: number,
  value: Uint8Array | undefined,
): SysctlVerdict {
  const given = value ?? new Uint8Array(0);
  const unchanged = { retval: 0, position, value: given };
  if (cgroup.effective(attachTypeNumber.cgroup_sysctl).length === 0) return unchanged;
  const write = value === undefined ? 0 : 1;
  using context = Placed.put(machine.memory, bpfSysctl.encode({ write, file_pos: position }));
  if (context === undefined) return { ...unchanged, retval: -errno.ENOMEM };
  const sysctl: SysctlAccess = {
    name,
    write: write === 1,
    current: current.subarray(0, SYSCTL_PAGE),
    value: given.slice(0, SYSCTL_PAGE),
    changed: false,
  };
  const call = { kind: 'cgroup', retval: 0, sysctl } as const;
  const { retval } = runCgroupHook(machine, cgroup, attachTypeNumber.cgroup_sysctl, context.address, call);
  const { file_pos } = bpfSysctl.decode(context.read(bpfSysctl.size));
  return { retval, position: file_pos, value: sysctl.changed ? sysctl.value : given };
}
