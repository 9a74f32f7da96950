import type { LinearMemory } from './memory.ts';

/** Larger pieces get a block of their own. */
const ARENA = 64 * 1024;

/** Room in linear memory for what a system call copies in and out. It is all given back when the call is over. */
export class Scratch {
  readonly #memory: LinearMemory;
  #arena = 0;
  #used = 0;
  readonly #blocks: number[] = [];

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  /** Address of `size` bytes, a multiple of 8, with anything in them; 0 if no memory is left. */
  take(size: number): number {
    const rounded = Math.ceil(Math.max(size, 1) / 8) * 8;
    if (this.#arena === 0) this.#arena = this.#memory.alloc(ARENA);
    if (this.#arena !== 0 && this.#used + rounded <= ARENA) {
      this.#used += rounded;
      return this.#arena + this.#used - rounded;
    }
    const block = this.#memory.alloc(size);
    if (block !== 0) this.#blocks.push(block);
    return block;
  }

  /** Address of a copy; 0 if no memory is left. */
  put(bytes: Uint8Array): number {
    const at = this.take(bytes.length);
    if (at !== 0) this.#memory.u8.set(bytes, at);
    return at;
  }

  reset(): void {
    this.#used = 0;
    for (const block of this.#blocks.splice(0)) this.#memory.free(block);
  }
}
