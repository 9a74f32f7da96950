import { type Btf, parseBtf } from '../btf/index.ts';
import { NotSupportedError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { orUndefined, readBytes } from './calls.ts';

/** Where Linux >= 5.4 shows the types that it was built with. */
const VMLINUX = '/sys/kernel/btf/vmlinux';
/** Bytes at most: that of a distribution's kernel has 6 million. */
const MAX_BTF = 1 << 26;

const known = new WeakMap<Kernel, Btf>();

/** The types of the kernel in use, read once. Throws NotSupportedError if it does not show them. */
export function kernelBtf(kernel: Kernel): Btf {
  const cached = known.get(kernel);
  if (cached !== undefined) return cached;
  const bytes = orUndefined(['ENOENT', 'EACCES', 'ENOTDIR'], () => readBytes(kernel, VMLINUX, MAX_BTF));
  if (bytes === undefined) {
    throw new NotSupportedError(`a program with CO-RE relocations on a kernel without ${VMLINUX}`, {
      since: '5.4, CONFIG_DEBUG_INFO_BTF',
      instead: 'give the BTF of a kernel with the option kernelBtf',
    });
  }
  const btf = parseBtf(bytes);
  known.set(kernel, btf);
  return btf;
}
