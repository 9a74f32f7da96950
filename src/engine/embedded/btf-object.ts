import type { Btf } from '../../btf/btf.ts';
import type { Machine } from './machine.ts';
import { RefCounted } from './refs.ts';

/** The types of the kernel itself, or BTF that was loaded with BPF_BTF_LOAD. Held by its fds and by the maps and programs that use it. */
export class BtfObject extends RefCounted {
  readonly machine: Machine;
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly btf: Btf;
  /** `vmlinux`: of the kernel itself. Empty: a user's. */
  readonly name: 'vmlinux' | '';

  /** The bytes have to be charged already. */
  constructor(machine: Machine, bytes: Uint8Array, btf: Btf, name: 'vmlinux' | '' = '') {
    super();
    this.name = name;
    this.machine = machine;
    this.bytes = bytes;
    this.btf = btf;
    this.id = machine.btfs.add(this);
  }

  protected override destroy(): void {
    this.machine.btfs.remove(this.id);
    this.machine.uncharge(this.bytes.length);
  }
}
