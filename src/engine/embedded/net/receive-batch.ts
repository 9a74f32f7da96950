import { XDP_ABORTED, XDP_DROP } from '../../../uapi/xdp.ts';
import type { Machine } from '../machine.ts';
import { PacketBlock } from '../progs/packet-block.ts';
import { xdpPackets } from '../progs/packet-kind.ts';
import type { BpfProg } from '../progs/prog.ts';
import { XDP_MAX_FRAME, type XdpBuff } from '../progs/xdp-buff.ts';
import type { Device } from './device.ts';
import { type Emit, followXdp, receiveXdp } from './receive-xdp.ts';
import { actionOf, type XdpOutcome } from './run-xdp.ts';
import type { Frame } from './traffic.ts';

/** Frames that a driver takes at once: NAPI_POLL_WEIGHT of Linux. */
export const MAX_BATCH = 64;

const NOTHING = new Uint8Array(0);

/**
 * Frames that have come to a device one after the other, taken as a driver takes them (NAPI): the XDP program runs on all of them in one batch, then each goes its way, in order. On these ways anything may happen, by tc
 * programs, sockets, and who watches, but what the program has said stays said: one that is detached or replaced meanwhile has run on the whole batch. If the device is taken down, the frames whose turn has not
 * come are dropped and counted, as those in the queue of a driver that stops.
 */
export class BatchReceiver {
  readonly #machine: Machine;
  readonly #emit: Emit;
  /** Made at first use: most machines never have such traffic. `undefined` also while it is in use, so that what receives within a run of a program has another. */
  #block: PacketBlock<XdpBuff> | undefined;

  constructor(machine: Machine, emit: Emit) {
    this.#machine = machine;
    this.#emit = emit;
  }

  /** `goOn`: what follows for a frame whose turn it is, with what the program made of it; `undefined`: there is none. */
  receive(device: Device, frames: readonly Frame[], goOn: (frame: Frame, met: XdpOutcome | undefined) => void): void {
    for (let at = 0; at < frames.length; ) {
      const some = together(frames, at);
      at += some.length;
      const { mode } = device.xdp;
      const prog = mode && device.xdp.get(mode);
      const outcomes = prog !== undefined && some.length > 1 ? this.#run(device, prog, some) : undefined;
      for (const [i, frame] of some.entries()) {
        if (!device.up) {
          device.stats.rxDropped++;
          continue;
        }
        device.countReceived(frame.bytes.length);
        const outcome = outcomes?.[i];
        const met =
          outcome === undefined || mode === undefined
            ? receiveXdp(this.#machine, device, frame.bytes, this.#emit)
            : followXdp(this.#machine, device, mode, outcome, this.#emit);
        goOn(frame, met);
      }
    }
  }

  /** What the program makes of frames; `undefined`: there is no memory for so many. */
  #run(device: Device, prog: BpfProg, frames: readonly Frame[]): readonly XdpOutcome[] | undefined {
    const kind = xdpPackets(device);
    const block = this.#block ?? PacketBlock.create(this.#machine, kind, XDP_MAX_FRAME, MAX_BATCH);
    if (block === undefined) return undefined;
    this.#block = undefined;
    try {
      for (const [place, { bytes }] of frames.entries()) block.put(place, kind, bytes);
      block.run(prog, frames.length);
      return frames.map((_, place) => outcomeAt(block, place));
    } finally {
      block.hide();
      if (this.#block === undefined) this.#block = block;
      else block[Symbol.dispose]();
    }
  }
}

/** The interpreter has told of faults by itself. */
function outcomeAt(block: PacketBlock<XdpBuff>, place: number): XdpOutcome {
  const action = actionOf(block.verdict(place));
  const buff = block.packet(place);
  const isGone = buff === undefined || action === XDP_DROP || action === XDP_ABORTED;
  return { action, bytes: isGone ? NOTHING : buff.bytes(), hops: buff?.hops ?? [], fault: undefined };
}

/** Frames from one on that are run in one batch: those that have a place in its memory, or one that has none by itself. */
function together(frames: readonly Frame[], from: number): readonly Frame[] {
  let end = from;
  while (end < frames.length && end - from < MAX_BATCH && (frames[end]?.bytes.length ?? 0) <= XDP_MAX_FRAME) end++;
  return frames.slice(from, Math.max(end, from + 1));
}
