import { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX } from '../../../uapi/xdp.ts';
import type { Fault } from '../interp/fault.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Machine } from '../machine.ts';
import type { XdpHop } from '../progs/frame.ts';
import type { BpfProg } from '../progs/prog.ts';
import { XdpBuff } from '../progs/xdp-buff.ts';
import type { Device } from './device.ts';

/** What an XDP program made of a frame. */
export interface XdpOutcome {
  /** XDP_*; what the program returned that is none of them counts as XDP_ABORTED. */
  readonly action: number;
  /** The frame as the program left it. */
  readonly bytes: Uint8Array;
  /** Where an XDP_REDIRECT goes. */
  readonly hops: readonly XdpHop[];
  readonly fault: Fault | undefined;
}

const ACTIONS: ReadonlySet<number> = new Set([XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT]);

/** What is done for what a program has returned. */
export function actionOf(returned: number): number {
  return ACTIONS.has(returned) ? returned : XDP_ABORTED;
}

/** The device that a frame came in by, and, for a program that runs where it leaves, the index of that one. */
export interface XdpPlace {
  readonly device: Device;
  readonly egressIfindex?: number | undefined;
}

/** `undefined`: there is no memory for the frame. */
export function runXdp(machine: Machine, prog: BpfProg, frame: Uint8Array, where: XdpPlace): XdpOutcome | undefined {
  const buff = XdpBuff.create(machine.memory, where.device.network, frame);
  if (buff === undefined) return undefined;
  try {
    buff.ifindex = where.device.ifindex;
    buff.egressIfindex = where.egressIfindex ?? 0;
    buff.publish();
    const { value, fault } = interpreterOf(machine).runProgram(prog, buff.context, buff);
    const action = fault === undefined ? actionOf(value) : XDP_ABORTED;
    return { action, bytes: machine.memory.u8.slice(buff.data, buff.end), hops: buff.hops, fault };
  } finally {
    buff.free();
  }
}
