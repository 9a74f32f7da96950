import { SysError } from '../../../errors.ts';
import { errno } from '../../../uapi/errno.ts';
import { cpusOf } from '../cpus/cpus.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Share, Work } from '../jit/batch.ts';
import type { Machine } from '../machine.ts';
import { runNowhere } from '../maps/cgroup-storage.ts';
import { ETH_HLEN } from './frame.ts';
import { PacketBlock } from './packet-block.ts';
import { type PacketKind, packetKind } from './packet-kind.ts';
import type { BpfProg } from './prog.ts';
import { hashFlow } from './skb.ts';
import { PROG_TYPE_BY_NUMBER } from './table.ts';
import { XDP_MAX_FRAME as MAX_FRAME } from './xdp-buff.ts';

export interface BatchOptions {
  /**
   * CPUs that run the program at the same time, each a thread, at most the kernel's (`createEmbeddedKernel({ cpus })`). 1, or not said: the calling thread runs all frames, one after the other.
   */
  readonly cpus?: number | undefined;
}

export interface BatchResult {
  /** What the program returned for each frame, the last time; 0 (XDP_ABORTED) if it did not end as it should (`lab.faults`). */
  readonly verdicts: Uint32Array;
  /** From the first frame until the last CPU was done, by the clock of the host. Nanoseconds. */
  readonly durationNs: number;
  /** Of each CPU that had frames: how many, and how long until it was done with them, `repeat` times. Processors are seldom equally fast: what all can do is the sum of their rates. */
  readonly cpus: readonly { readonly frames: number; readonly durationNs: number }[];
}

/**
 * Many frames in the kernel's memory, on which a program for packets is run as a network card would have it: by several CPUs, each with the flows that are its own, and in the order in
 * which the frames were given. What a frame would come to on a device (redirects, what is sent back) does not happen.
 */
export interface PacketBatch extends Disposable {
  readonly length: number;
  /**
   * Runs the program on all frames as they were given, `repeat` times (1 if not said) on what the last time left. Throws SysError: EBADF after disposal, EINVAL, ENOMEM; with several CPUs NotSupportedError where there
   * are no threads, and for a program that cannot be compiled.
   */
  run(repeat?: number): BatchResult;
  /** A frame as the program left it: a copy. Throws SysError EINVAL where there is none. */
  frame(index: number): Uint8Array;
}

const MAX_FRAMES = 1 << 20;

/** Takes a reference to the program, which disposal gives back. Throws SysError: EINVAL, ENOMEM. */
export function createPacketBatch(
  prog: BpfProg,
  frames: readonly Uint8Array[],
  { cpus = 1 }: BatchOptions,
): PacketBatch {
  const { machine } = prog;
  const type = PROG_TYPE_BY_NUMBER.get(prog.attr.type);
  const kind = type && packetKind(type);
  if (kind === undefined) throw refused('the program is of a type that is not run on packets');
  if (!(Number.isInteger(cpus) && cpus >= 1 && cpus <= machine.cpus))
    throw refused(`this kernel has 1 to ${machine.cpus} CPUs: createEmbeddedKernel({ cpus }) says how many`);
  if (frames.length > MAX_FRAMES) throw refused(`at most ${MAX_FRAMES} frames at once`);
  const wrong = frames.findIndex(({ length }) => length < ETH_HLEN || length > MAX_FRAME);
  if (wrong >= 0)
    throw refused(`a frame has ${ETH_HLEN} to ${MAX_FRAME} bytes, not ${frames[wrong]?.length}, as frame ${wrong}`);
  const longest = frames.reduce((most, { length }) => Math.max(most, length), 0);
  const block = PacketBlock.create(machine, kind, longest, frames.length);
  if (block === undefined)
    throw new SysError(errno.ENOMEM, 'batch', { detail: `no memory is left for ${frames.length} frames` });
  return new Batch(prog.get(), kind, frames, block, cpus);
}

function refused(detail: string): SysError {
  return new SysError(errno.EINVAL, 'batch', { detail });
}

class Batch implements PacketBatch {
  readonly length: number;
  readonly #prog: BpfProg;
  readonly #machine: Machine;
  readonly #kind: PacketKind;
  readonly #block: PacketBlock;
  readonly #frames: readonly Uint8Array[];
  /** Which frame is in a place: those of a CPU are together, since processors fetch in advance what is near, also from each other. */
  readonly #order: readonly number[];
  /** And the other way round. */
  readonly #placeOf: Uint32Array;
  readonly #shares: readonly Share[];
  #open = true;

  constructor(prog: BpfProg, kind: PacketKind, frames: readonly Uint8Array[], block: PacketBlock, cpus: number) {
    this.#prog = prog;
    this.#machine = prog.machine;
    this.#kind = kind;
    this.#block = block;
    this.length = frames.length;
    this.#frames = frames.map((frame) => frame.slice());
    const cpuOf = dealt(this.#frames, cpus);
    this.#order = cpuOf.map((_, i) => i).sort((a, b) => (cpuOf[a] ?? 0) - (cpuOf[b] ?? 0));
    this.#placeOf = new Uint32Array(this.length);
    for (const [place, i] of this.#order.entries()) this.#placeOf[i] = place;
    let first = 0;
    this.#shares = Array.from({ length: cpus }, (_, cpu) => {
      const share = block.share(first, cpuOf.filter((of) => of === cpu).length);
      first += share.count;
      return share;
    });
  }

  run(repeat = 1): BatchResult {
    if (!this.#open) throw new SysError(errno.EBADF, 'batch');
    if (!(Number.isInteger(repeat) && repeat >= 1 && repeat < 2 ** 31))
      throw refused(`repeat is 1 to 2147483647, not ${repeat}`);
    for (const [place, i] of this.#order.entries())
      this.#block.put(place, this.#kind, this.#frames[i] ?? new Uint8Array());
    const shares = this.#shares.filter(({ count }) => count > 0);
    const durations = runNowhere(this.#prog, () => this.#durations(shares, this.#block.work(repeat)));
    if (typeof durations === 'number') throw new SysError(-durations, 'batch');
    const cpus = shares.map(({ count }, i) => ({ frames: count, durationNs: durations[i] ?? 0 }));
    return { verdicts: this.#verdicts(), durationNs: Math.max(0, ...durations), cpus };
  }

  /** Nanoseconds that each share took. */
  #durations(shares: readonly Share[], work: Work): readonly number[] {
    if (this.#shares.length > 1) return cpusOf(this.#machine).run(this.#prog, shares, work);
    const interpreter = interpreterOf(this.#machine);
    const start = performance.now();
    return shares.map((share) => {
      interpreter.runBatch(this.#prog, share, work);
      return Math.round((performance.now() - start) * 1e6);
    });
  }

  #verdicts(): Uint32Array {
    const verdicts = new Uint32Array(this.length);
    for (const [place, i] of this.#order.entries()) verdicts[i] = this.#block.verdict(place);
    return verdicts;
  }

  frame(index: number): Uint8Array {
    const packet = this.#block.packet(this.#placeOf[index] ?? -1);
    if (packet === undefined) throw refused(`there is no frame ${index}, or it was not run`);
    return packet.bytes();
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#block[Symbol.dispose]();
    this.#prog.put();
  }
}

/** Which CPU each frame is for: those of a flow are one CPU's, the one that has fewest when the first of them comes. */
function dealt(frames: readonly Uint8Array[], cpus: number): readonly number[] {
  const cpuOfFlow = new Map<number, number>();
  const counts = new Uint32Array(cpus);
  return frames.map((frame) => {
    const flow = hashFlow(frame, ETH_HLEN);
    const cpu = cpuOfFlow.get(flow) ?? counts.indexOf(Math.min(...counts));
    cpuOfFlow.set(flow, cpu);
    counts[cpu] = (counts[cpu] ?? 0) + 1;
    return cpu;
  });
}
