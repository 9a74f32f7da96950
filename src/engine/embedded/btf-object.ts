import type { Btf } from '../../btf/btf.ts';
import type { Machine } from './machine.ts';
import { RefCounted } from './refs.ts';

/** A `.BTF` section, and what is in it. */
export interface BtfTypes {
  readonly bytes: Uint8Array;
  readonly btf: Btf;
}

/** The types of the kernel itself, or BTF that was loaded with BPF_BTF_LOAD. Held by its fds and by the maps and programs that use it. */
export class BtfObject extends RefCounted {
  readonly machine: Machine;
  readonly id: number;
  readonly #read: () => BtfTypes;
  #types: BtfTypes | undefined;
  /** `vmlinux`: of the kernel itself. Empty: a user's. */
  readonly name: 'vmlinux' | '';

  /** `read`: is called when somebody asks for a type. The bytes have to be charged already. */
  constructor(machine: Machine, read: () => BtfTypes, name: 'vmlinux' | '' = '') {
    super();
    this.name = name;
    this.machine = machine;
    this.#read = read;
    this.id = machine.btfs.add(this);
  }

  /** A `.BTF` section. */
  get bytes(): Uint8Array {
    this.#types ??= this.#read();
    return this.#types.bytes;
  }

  get btf(): Btf {
    this.#types ??= this.#read();
    return this.#types.btf;
  }

  protected override destroy(): void {
    this.machine.btfs.remove(this.id);
    this.machine.uncharge(this.bytes.length);
  }
}
