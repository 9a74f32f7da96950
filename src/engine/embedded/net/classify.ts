import type { Direction } from '../../../sys/lab.ts';
import { TC_ACT_UNSPEC } from '../../../uapi/bpf.ts';
import type { Classification } from '../hooks/cls-bpf.ts';
import { runTcx } from '../hooks/tcx.ts';
import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';
import type { Device } from './device.ts';

/** The programs of tcx, then, unless they have decided, the filters of clsact. */
export function classify(machine: Machine, device: Device, direction: Direction, skb: Skb): Classification {
  const tcx = runTcx(machine, device.tcx[direction], skb);
  if (tcx.action !== TC_ACT_UNSPEC) return tcx;
  const filters = device.qdisc?.block(direction).classify(machine, skb) ?? tcx;
  return { ...filters, fault: tcx.fault ?? filters.fault };
}
