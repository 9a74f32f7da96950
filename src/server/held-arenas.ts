import { SysError } from '../errors.ts';
import type { Kernel, Mapping } from '../sys/kernel.ts';
import { mapTypeNumber } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import { bpfMapInfo } from '../uapi/info.ts';

/** Arenas that one client has mapped at a time. */
const MAX_HELD = 256;

/**
 * The arenas that one client has mapped: by that they have an address in user space, without which kernels load no program that uses them, and get what is in their
 * variables. The memory itself is on this side alone. They end with the client's process.
 */
export class HeldArenas {
  readonly #kernel: Kernel;
  readonly #mappings = new Map<number, Mapping>();
  #last = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** A number for the others. `address` 0: anywhere. Throws SysError ENODEV for all else that could be mapped. */
  mapArena(fd: number, size: number, address: number): number {
    const file = fd as Fd; // the kernel knows whether it is one
    if (!this.#isArena(file)) throw new SysError(errno.ENODEV, 'mmap');
    if (this.#mappings.size >= MAX_HELD) throw new SysError(errno.ENOMEM, 'mmap');
    this.#mappings.set(++this.#last, this.#kernel.mmap(file, size, 'read and write', 0, address || undefined));
    return this.#last;
  }

  writeArena(held: number, offset: number, data: Uint8Array): void {
    const mapping = this.#mappings.get(held);
    if (mapping === undefined) throw new SysError(errno.EFAULT, 'write', { what: 'to an arena that is not mapped' });
    mapping.write(offset, data);
  }

  unmapArena(held: number): void {
    this.#mappings.get(held)?.[Symbol.dispose]();
    this.#mappings.delete(held);
  }

  #isArena(bpf_fd: Fd): boolean {
    const info = bpfMapInfo.encode({});
    try {
      this.#kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd, info_len: info.length, info });
    } catch (error) {
      if (error instanceof SysError) return false;
      throw error;
    }
    return bpfMapInfo.decode(info).type === mapTypeNumber.arena;
  }
}
