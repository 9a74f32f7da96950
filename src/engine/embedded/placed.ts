import type { LinearMemory } from './memory.ts';

/** Bytes in linear memory, in a block of their own, until they are disposed of: what a program is handed for one run. */
export class Placed implements Disposable {
  readonly address: number;
  readonly #memory: LinearMemory;
  #freed = false;

  private constructor(memory: LinearMemory, address: number) {
    this.#memory = memory;
    this.address = address;
  }

  /** `room`: bytes of the block, zeros behind what is put there. `undefined` if there is no memory for it. */
  static put(memory: LinearMemory, bytes: Uint8Array, room = bytes.length): Placed | undefined {
    const address = memory.alloc(room);
    if (address === 0) return undefined;
    memory.u8.set(bytes, address);
    return new Placed(memory, address);
  }

  /** A copy of the first bytes as they are now. */
  read(length: number): Uint8Array {
    return this.#memory.u8.slice(this.address, this.address + length);
  }

  [Symbol.dispose](): void {
    if (!this.#freed) this.#memory.free(this.address);
    this.#freed = true;
  }
}
