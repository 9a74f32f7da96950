import { XDP_PASS, XDP_REDIRECT, XDP_TX } from '../../../uapi/xdp.ts';
import type { XdpMode } from '../hooks/xdp.ts';
import type { Machine } from '../machine.ts';
import { LINK_HEADERS, type XdpHop } from '../progs/frame.ts';
import type { Device } from './device.ts';
import { runXdp, type XdpOutcome, type XdpPlace } from './run-xdp.ts';

/** Puts a frame on the medium of a device. */
export type Emit = (device: Device, bytes: Uint8Array) => void;

/**
 * A frame comes in, and meets the device's XDP program, which may send it elsewhere. `undefined` where there is none. XDP_PASS, also by way of another CPU:
 * the frame goes on as the program left it; everything else: it does not.
 */
export function receiveXdp(machine: Machine, device: Device, frame: Uint8Array, emit: Emit): XdpOutcome | undefined {
  const { mode } = device.xdp;
  const prog = mode && device.xdp.get(mode);
  if (mode === undefined || prog === undefined) return undefined;
  const outcome = runXdp(machine, prog, frame, { device });
  return outcome && followXdp(machine, device, mode, outcome, emit);
}

/** The frame goes where a program that ran in this mode has sent it; and what is left then, as of {@link receiveXdp}. */
export function followXdp(
  machine: Machine,
  device: Device,
  mode: XdpMode,
  outcome: XdpOutcome,
  emit: Emit,
): XdpOutcome {
  switch (outcome.action) {
    case XDP_TX:
      if (mode === 'generic' || takesFrames(device)) emit(device, outcome.bytes);
      return outcome;
    case XDP_REDIRECT: {
      const passed = outcome.hops.map((hop) => follow(machine, device, mode, hop, outcome.bytes, emit));
      const bytes = passed.find((left) => left !== undefined);
      return bytes === undefined ? outcome : { ...outcome, action: XDP_PASS, bytes };
    }
    default:
      return outcome;
  }
}

/** The frame if it goes on to the stack here. */
function follow(
  machine: Machine,
  from: Device,
  mode: XdpMode,
  hop: XdpHop,
  bytes: Uint8Array,
  emit: Emit,
): Uint8Array | undefined {
  if (hop.kind === 'cpu') return runThere(machine, hop, bytes, { device: from });
  const target = hop.device ?? from.network.device(hop.ifindex);
  if (target === undefined || !target.up || bytes.length > target.mtu + LINK_HEADERS) return undefined;
  if (mode === 'driver' && !takesFrames(target)) return undefined;
  const left = runThere(machine, hop, bytes, { device: from, egressIfindex: target.ifindex });
  if (left !== undefined) emit(target, left);
  return undefined;
}

/** The frame as the program of a map's entry leaves it; `undefined` if it does not let it go on. */
function runThere(machine: Machine, { prog }: XdpHop, bytes: Uint8Array, where: XdpPlace): Uint8Array | undefined {
  if (prog === undefined) return bytes;
  const outcome = runXdp(machine, prog, bytes, where);
  return outcome?.action === XDP_PASS ? outcome.bytes : undefined;
}

/**
 * Whether a driver takes frames that another driver's program sends: a veth does if its other end has such a program too. (Linux: NETDEV_XDP_ACT_NDO_XMIT, which
 * a veth also has if its other end has GRO switched on, as it has not by default.)
 */
function takesFrames({ kind, peer }: Device): boolean {
  return kind === 'veth' && peer?.xdp.get('driver') !== undefined;
}
