import { errno, MAX_ERRNO } from '../../../uapi/errno.ts';
import type { Fault } from '../interp/fault.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Machine } from '../machine.ts';
import { runAt } from '../maps/cgroup-storage.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Skb } from '../progs/skb.ts';
import type { SockOpsCall } from '../sockets/sock-ops-call.ts';
import type { Socket } from '../sockets/socket.ts';
import type { Cgroup } from './cgroup.ts';
import type { SysctlAccess } from './sysctl-access.ts';

/** What the programs of one call see beside their context. */
export interface CgroupCall {
  readonly kind: 'cgroup';
  /** 0 or -errno: bpf_get_retval, which a program that refuses makes -EPERM. */
  retval: number;
  /** Where the context has a field for `retval`: its address. */
  readonly retvalAt?: number;
  readonly sysctl?: SysctlAccess;
  /** Whose call it is. */
  readonly socket?: Socket;
  /** Address of the struct bpf_sock that the context has of it. */
  readonly skAt?: number;
  readonly sockOps?: SockOpsCall;
}

/** What the programs of a hook came to. */
export interface CgroupVerdict {
  /** 0 or -errno: what the call that they were run for answers. */
  readonly retval: number;
  /** The bits above bit 0 that any of them returned, shifted down: bind's "no privilege needed", egress's "congestion". */
  readonly flags: number;
  /** The first program that did not end as it should; it counts as one that refuses. */
  readonly fault: Fault | undefined;
}

export interface CgroupRunOptions {
  /** Bit 0 of what programs return is the verdict, and the rest are flags; otherwise anything but 0 allows. */
  readonly withFlags?: boolean;
  /** What the context describes, of programs that see packets. */
  readonly skb?: Skb;
  /** Told of each program and what it came to. */
  readonly each?: (prog: BpfProg, run: { readonly value: number; readonly fault: Fault | undefined }) => void;
}

/** Runs the programs of a hook, all of them, also after one has refused. */
export function runCgroupHook(
  machine: Machine,
  cgroup: Cgroup,
  attachType: number,
  context: number,
  call: CgroupCall,
  { withFlags = false, skb, each }: CgroupRunOptions = {},
): CgroupVerdict {
  let flags = 0;
  let fault: Fault | undefined;
  for (const { prog, place } of cgroup.effective(attachType)) {
    skb?.publish();
    if (call.retvalAt !== undefined) machine.memory.dv.setInt32(call.retvalAt, call.retval, true);
    const verdict = runAt(machine, place, () => interpreterOf(machine).runProgram(prog, context, skb ?? call));
    fault ??= verdict.fault;
    each?.(prog, verdict);
    if (call.retvalAt !== undefined) call.retval = machine.memory.dv.getInt32(call.retvalAt, true);
    if (withFlags) flags |= verdict.value >> 1;
    const allowed = withFlags ? (verdict.value & 1) !== 0 : verdict.value !== 0;
    if (!allowed && !isErrno(call.retval)) call.retval = -errno.EPERM;
  }
  return { retval: call.retval, flags, fault };
}

export function isErrno(value: number): boolean {
  return value < 0 && value >= -MAX_ERRNO;
}
