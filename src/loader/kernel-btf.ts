import { type Btf, type BtfKind, parseBtf } from '../btf/index.ts';
import { NotSupportedError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { Fd } from '../uapi/fd.ts';
import { adopt, ids, orUndefined, readBytes } from './calls.ts';
import { btfBytes, btfInfo } from './info.ts';

/** Where Linux >= 5.4 shows the types that it was built with. */
export const VMLINUX = '/sys/kernel/btf/vmlinux';
/** Bytes at most: that of a distribution's kernel has 6 million. */
const MAX_BTF = 1 << 26;

const known = new WeakMap<Kernel, Btf>();

/** The types of the kernel in use, read once. Throws NotSupportedError if it does not show them. */
export function kernelBtf(kernel: Kernel): Btf {
  const cached = known.get(kernel);
  if (cached !== undefined) return cached;
  const bytes = orUndefined(['ENOENT', 'EACCES', 'ENOTDIR'], () => readBytes(kernel, VMLINUX, MAX_BTF));
  if (bytes === undefined) {
    throw new NotSupportedError(`a program that depends on the kernel's types, on a kernel without ${VMLINUX}`, {
      since: '5.4, CONFIG_DEBUG_INFO_BTF',
      instead: 'give the BTF of a kernel with the option kernelBtf if it is for CO-RE alone',
    });
  }
  const btf = parseBtf(bytes);
  known.set(kernel, btf);
  return btf;
}

/** A type of the kernel's. */
export interface KernelType {
  readonly btf: Btf;
  readonly id: number;
  /** The BTF object of the module that has the type; `undefined`: the kernel itself. Open as long as the {@link KernelTypes}. */
  readonly fd: Fd | undefined;
}

interface ModuleTypes {
  readonly name: string;
  readonly btf: Btf;
  readonly fd: Fd;
}

/** The types of the kernel in use and of its modules, for one load. Modules are opened only when the kernel itself does not have what is asked for. */
export class KernelTypes implements Disposable, Iterable<Btf> {
  readonly #kernel: Kernel;
  readonly #opened: ModuleTypes[] = [];
  #rest: Generator<ModuleTypes> | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Throws NotSupportedError if the kernel does not show its types. */
  get vmlinux(): Btf {
    return kernelBtf(this.#kernel);
  }

  /**
   * The first type of this kind and name, of the kernel or else of a module; `module` restricts it to one, `vmlinux` to the kernel.
   * Throws NotSupportedError if the kernel does not show its types.
   */
  find(kind: BtfKind, name: string, module?: string): KernelType | undefined {
    if (module === undefined || module === 'vmlinux') {
      const id = this.vmlinux.find(kind, name);
      if (id !== undefined) return { btf: this.vmlinux, id, fd: undefined };
      if (module !== undefined) return undefined;
    }
    for (const { name: of, btf, fd } of this.modules()) {
      const id = module === undefined || module === of ? btf.find(kind, name) : undefined;
      if (id !== undefined) return { btf, id, fd };
    }
    return undefined;
  }

  /** The kernel's own types, then those of its modules. */
  *[Symbol.iterator](): Generator<Btf> {
    yield this.vmlinux;
    for (const { btf } of this.modules()) yield btf;
  }

  /** None where the caller may not see them (CAP_SYS_ADMIN), and before Linux 5.11. */
  *modules(): Generator<ModuleTypes> {
    yield* this.#opened;
    this.#rest ??= this.#open();
    for (let next = this.#rest.next(); next.done !== true; next = this.#rest.next()) {
      this.#opened.push(next.value);
      yield next.value;
    }
  }

  *#open(): Generator<ModuleTypes> {
    const kernel = this.#kernel;
    for (const id of orUndefined(['EPERM', 'EINVAL'], () => [...ids(kernel, 'BPF_BTF_GET_NEXT_ID')]) ?? []) {
      const fd = orUndefined('ENOENT', () => kernel.bpf('BPF_BTF_GET_FD_BY_ID', { btf_id: id }));
      if (fd === undefined) continue;
      const found = adopt(kernel, fd, true, () => {
        const { name, kernel: isKernels } = btfInfo(kernel, fd);
        if (!isKernels || name === 'vmlinux') return undefined;
        return { name, btf: parseBtf(btfBytes(kernel, fd), this.vmlinux), fd };
      });
      if (found === undefined) kernel.close(fd);
      else yield found;
    }
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#opened.splice(0)) this.#kernel.close(fd);
    this.#rest = undefined;
  }
}
