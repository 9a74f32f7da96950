import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { type Layout, LINK } from './hash-layout.ts';
import type { Places } from './hash-places.ts';

/**
 * The places of a large hash map with BPF_F_NO_PREALLOC: each element is a block of its own. In linear memory is the address of each by its place, for compiled programs that look for it; what
 * counts is kept outside.
 */
export class HashBlocks implements Places {
  readonly #machine: Machine;
  readonly #size: number;
  readonly #maxEntries: number;
  /** Address of the words; that of place 1 is the second. */
  readonly #words: number;
  /** By place; 0 where there is none. */
  readonly #blocks = [0];
  /** Places that were given back. */
  readonly #free: number[] = [];

  constructor(machine: Machine, { element }: Layout, maxEntries: number, words: number) {
    this.#machine = machine;
    this.#size = element;
    this.#maxEntries = maxEntries;
    this.#words = words;
  }

  get count(): number {
    return this.#blocks.length - 1 - this.#free.length;
  }

  at(place: number): number {
    return this.#blocks[place] ?? 0;
  }

  has(place: number): boolean {
    return this.at(place) !== 0;
  }

  /** Places that elements have. */
  *taken(): Generator<number> {
    for (let place = 1; place < this.#blocks.length; place++) if (this.has(place)) yield place;
  }

  /** Blocks are counted as they come and go. */
  add(): void {}

  take(): number {
    return this.count >= this.#maxEntries ? -errno.E2BIG : this.#block();
  }
  /** For the new value of a key that is there, so that for a moment there may be one more. */
  takeSpare(): number {
    return this.#block();
  }

  #block(): number {
    const { memory } = this.#machine;
    const block = memory.alloc(this.#size);
    if (block === 0) return -errno.ENOMEM;
    const place = this.#free.pop() ?? this.#blocks.length;
    this.#blocks[place] = block;
    memory.dv.setUint32(this.#words + LINK * place, block, true);
    return place;
  }

  giveSpare(place: number): void {
    this.give(place);
  }
  give(place: number): void {
    this.#machine.memory.free(this.at(place));
    this.#blocks[place] = 0;
    this.#free.push(place);
  }
}
