import type { Machine } from './machine.ts';

/** What a program was given of the kernel's memory, until it gives it back. */
export interface KernelObject {
  /** `bits`: the copy that an iterator goes through. */
  readonly kind: 'bits';
}

interface Block {
  readonly object: KernelObject;
  /** Bytes. */
  readonly size: number;
}

/** What each costs outside of the linear memory, as far as it is counted. Bytes. */
const OVERHEAD = 256;

/**
 * The objects that programs hold, by address. They are kept beside the memory: an address that a program has made up is none, and what it writes over an
 * object changes nothing here.
 */
export class KernelObjects {
  readonly #machine: Machine;
  readonly #blocks = new Map<number, Block>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Address of `size` zeroed bytes; 0 if there is no memory. */
  alloc(object: KernelObject, size: number): number {
    const { memory } = this.#machine;
    if (!this.#machine.charge(OVERHEAD)) return 0;
    const address = memory.alloc(size);
    if (address === 0) this.#machine.uncharge(OVERHEAD);
    else this.#blocks.set(address, { object, size });
    return address;
  }

  /** Bytes of the object of this kind at an address; 0 if there is none. */
  size(address: number, kind: KernelObject['kind']): number {
    const block = this.#blocks.get(address);
    return block?.object.kind === kind ? block.size : 0;
  }

  /** Gives one back; what is none is ignored. */
  drop(address: number, kind: KernelObject['kind']): void {
    if (this.size(address, kind) === 0) return;
    this.#blocks.delete(address);
    this.#machine.memory.free(address);
    this.#machine.uncharge(OVERHEAD);
  }
}
