import type { Machine } from '../machine.ts';
import { Placed } from '../placed.ts';

/** A struct of the kernel that a program is shown: its name, what is in it. Members may lead to more. */
export interface Shown {
  readonly struct: string;
  readonly values: Readonly<Record<string, number | bigint | string | Uint8Array>>;
  readonly to?: Readonly<Record<string, Shown>>;
}

/** Puts what programs are shown into linear memory, as the kernel's types lay it out, until it is disposed of. */
export class Showing implements Disposable {
  readonly #machine: Machine;
  readonly #placed: Placed[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** The address of a copy of it, and of all that it leads to; 0 if there is no memory. */
  put({ struct: name, values, to = {} }: Shown): number {
    const { memory } = this.#machine;
    const struct = this.#machine.kernelStruct(name);
    const address = this.putBytes(new Uint8Array(Math.max(struct.size, 8)));
    if (address === 0) return 0;
    const pointers = Object.entries(to).map(([member, shown]) => [member, this.put(shown)]);
    struct.write(memory, address, { ...values, ...Object.fromEntries(pointers) });
    return address;
  }

  putBytes(bytes: Uint8Array): number {
    const block = Placed.put(this.#machine.memory, bytes);
    if (block !== undefined) this.#placed.push(block);
    return block?.address ?? 0;
  }

  [Symbol.dispose](): void {
    for (const block of this.#placed.splice(0)) block[Symbol.dispose]();
  }
}
