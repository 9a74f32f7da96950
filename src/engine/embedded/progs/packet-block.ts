import { roundUp } from '../../../bytes/round.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { ENTRY_CONTEXT, ENTRY_SIZE, ENTRY_VERDICT, type Share, type Work } from '../jit/batch.ts';
import type { Machine } from '../machine.ts';
import { CACHE_LINE } from '../memory.ts';
import type { Packet, PacketKind } from './packet-kind.ts';
import type { BpfProg } from './prog.ts';

/**
 * Packets that a program is run on one after the other, without a way through JavaScript for each. In linear memory they have places of the same size, and behind them an entry each
 * (see `emitBatch`), all in one block:
 *
 *     ┌─────────┬─────────┬───┬─────────┬─────────┬───┐
 *     │ place 0 │ place 1 │ … │ entry 0 │ entry 1 │ … │
 *     └─────────┴─────────┴───┴─────────┴─────────┴───┘
 */
export class PacketBlock<P extends Packet = Packet> implements Disposable {
  /** Places. */
  readonly length: number;
  readonly #machine: Machine;
  readonly #address: number;
  readonly #stride: number;
  readonly #entries: number;
  /** By place. */
  readonly #packets: (P | undefined)[] = [];
  readonly #subjectAt: Work['subjectAt'];

  private constructor(machine: Machine, address: number, stride: number, length: number) {
    this.#machine = machine;
    this.#address = address;
    this.#stride = stride;
    this.length = length;
    this.#entries = address + length * stride;
    this.#subjectAt = (context) => this.#packets[Math.floor((context - address) / stride)];
    for (let place = 0; place < length; place++)
      machine.memory.dv.setUint32(this.#entry(place) + ENTRY_CONTEXT, address + place * stride, true);
  }

  /** For so many packets of frames of up to `longest` bytes. `undefined`: there is no memory for them. */
  static create<P extends Packet>(
    machine: Machine,
    kind: PacketKind<P>,
    longest: number,
    length: number,
  ): PacketBlock<P> | undefined {
    const stride = strideOf(kind, longest);
    const address = machine.memory.alloc(length * (stride + ENTRY_SIZE));
    return address === 0 ? undefined : new PacketBlock(machine, address, stride, length);
  }

  /** How many packets of frames of up to `longest` bytes are in a block of so many bytes. */
  static fitting(kind: PacketKind, longest: number, bytes: number): number {
    return Math.floor(bytes / (strideOf(kind, longest) + ENTRY_SIZE));
  }

  /** Makes a packet of a frame, instead of the one that was in its place. */
  put(place: number, kind: PacketKind<P>, frame: Uint8Array): void {
    const before = this.#packets[place];
    before?.hide();
    this.#packets[place] = kind.make(this.#machine, this.#address + place * this.#stride, frame, before);
  }
  /** As the program left it; `undefined`: nothing was put there. */
  packet(place: number): P | undefined {
    return this.#packets[place];
  }
  /** What the program returned, the last time. Unsigned. */
  verdict(place: number): number {
    return this.#machine.memory.dv.getUint32(this.#entry(place) + ENTRY_VERDICT, true);
  }

  /** Runs a program on the packets of the first `count` places, one at least. */
  run(prog: BpfProg, count: number): void {
    interpreterOf(this.#machine).runBatch(prog, this.share(0, count), this.work(1));
  }
  /** What `runBatch` is given. */
  share(place: number, count: number): Share {
    return { list: this.#entry(place), count };
  }
  work(repeat: number): Work {
    return { repeat, subjectAt: this.#subjectAt };
  }

  /** Gives back what the packets lead to: nobody looks at them any more. */
  hide(): void {
    for (const packet of this.#packets) packet?.hide();
  }

  [Symbol.dispose](): void {
    this.hide();
    this.#packets.length = 0;
    this.#machine.memory.free(this.#address);
  }

  #entry(place: number): number {
    return this.#entries + place * ENTRY_SIZE;
  }
}

/** Bytes of a place. Frames are not on the same places of their pages, since those would share few lines of the caches. */
function strideOf(kind: PacketKind, longest: number): number {
  return roundUp(kind.size(longest), CACHE_LINE);
}
