import { roundUp } from '../../../bytes/round.ts';
import { SysError } from '../../../errors.ts';
import { errno } from '../../../uapi/errno.ts';
import { cpusOf } from '../cpus/cpus.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { ENTRY_CONTEXT, ENTRY_SIZE, ENTRY_VERDICT, type Share, type Work } from '../jit/batch.ts';
import type { Machine } from '../machine.ts';
import { runNowhere } from '../maps/cgroup-storage.ts';
import { CACHE_LINE } from '../memory.ts';
import { ETH_HLEN } from './frame.ts';
import { type Packet, type PacketKind, packetKind } from './packet-kind.ts';
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
  // Frames are not on the same places of their pages, since those would share few lines of the caches.
  const stride = roundUp(kind.size(Math.max(0, ...frames.map(({ length }) => length))), CACHE_LINE);
  const block = machine.memory.alloc(frames.length * (stride + ENTRY_SIZE));
  if (block === 0)
    throw new SysError(errno.ENOMEM, 'batch', { detail: `no memory is left for ${frames.length} frames` });
  return new Batch(prog.get(), kind, frames, block, stride, cpus);
}

function refused(detail: string): SysError {
  return new SysError(errno.EINVAL, 'batch', { detail });
}

class Batch implements PacketBatch {
  readonly length: number;
  readonly #prog: BpfProg;
  readonly #machine: Machine;
  readonly #kind: PacketKind;
  readonly #block: number;
  readonly #stride: number;
  readonly #frames: readonly Uint8Array[];
  /** Which frame is in a place: those of a CPU are together, since processors fetch in advance what is near, also from each other. */
  readonly #order: readonly number[];
  /** By frame; none before the first run. */
  #packets: readonly Packet[] = [];
  readonly #shares: readonly Share[];
  #open = true;

  constructor(
    prog: BpfProg,
    kind: PacketKind,
    frames: readonly Uint8Array[],
    block: number,
    stride: number,
    cpus: number,
  ) {
    const { machine } = prog;
    this.#prog = prog;
    this.#machine = machine;
    this.#kind = kind;
    this.#block = block;
    this.#stride = stride;
    this.length = frames.length;
    this.#frames = frames.map((frame) => frame.slice());
    const cpuOf = dealt(this.#frames, cpus);
    this.#order = cpuOf.map((_, i) => i).sort((a, b) => (cpuOf[a] ?? 0) - (cpuOf[b] ?? 0));
    const list = this.#list;
    for (let place = 0; place < this.length; place++)
      machine.memory.dv.setUint32(list + place * ENTRY_SIZE + ENTRY_CONTEXT, block + place * stride, true);
    let first = 0;
    this.#shares = Array.from({ length: cpus }, (_, cpu) => {
      const count = cpuOf.filter((of) => of === cpu).length;
      const share = { list: list + first * ENTRY_SIZE, count };
      first += count;
      return share;
    });
  }

  /** Address of the entries, of which each frame has one, in the order of the places. */
  get #list(): number {
    return this.#block + this.length * this.#stride;
  }

  run(repeat = 1): BatchResult {
    if (!this.#open) throw new SysError(errno.EBADF, 'batch');
    if (!(Number.isInteger(repeat) && repeat >= 1 && repeat < 2 ** 31))
      throw refused(`repeat is 1 to 2147483647, not ${repeat}`);
    this.#begin();
    const shares = this.#shares.filter(({ count }) => count > 0);
    const work: Work = {
      repeat,
      subjectAt: (context) => this.#packets[this.#order[Math.floor((context - this.#block) / this.#stride)] ?? -1],
    };
    const durations = runNowhere(this.#prog, () => this.#durations(shares, work));
    if (typeof durations === 'number') throw new SysError(-durations, 'batch');
    const cpus = shares.map(({ count }, i) => ({ frames: count, durationNs: durations[i] ?? 0 }));
    return { verdicts: this.#verdicts(), durationNs: Math.max(0, ...durations), cpus };
  }

  /** All frames as they were given. */
  #begin(): void {
    this.#end();
    const packets: Packet[] = [];
    for (const [place, i] of this.#order.entries())
      packets[i] = this.#kind.make(
        this.#machine,
        this.#block + place * this.#stride,
        this.#frames[i] ?? new Uint8Array(),
      );
    this.#packets = packets;
  }
  #end(): void {
    for (const packet of this.#packets) packet.hide();
    this.#packets = [];
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
    const { dv } = this.#machine.memory;
    const verdicts = new Uint32Array(this.length);
    for (const [place, i] of this.#order.entries())
      verdicts[i] = dv.getUint32(this.#list + place * ENTRY_SIZE + ENTRY_VERDICT, true);
    return verdicts;
  }

  frame(index: number): Uint8Array {
    const packet = this.#packets[index];
    if (packet === undefined) throw refused(`there is no frame ${index}, or it was not run`);
    return packet.bytes();
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#end();
    this.#machine.memory.free(this.#block);
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
