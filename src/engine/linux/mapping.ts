import { SysError } from '../../errors.ts';
import type { Mapping, MappingAccess } from '../../sys/kernel.ts';
import { errno } from '../../uapi/errno.ts';
import type { Ffi } from './ffi.ts';
import { check } from './syscall.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
/** Bytes at most: twice the largest ring buffer that Linux makes, and its pages of positions. */
const MAX_MAPPING = 2 ** 33;

/** Unmaps what nothing in JavaScript can reach any more. */
const registry = new FinalizationRegistry<{ readonly ffi: Ffi; readonly address: number; readonly size: number }>(
  ({ ffi, address, size }) => ffi.libc.munmap(address, size),
);

/** mmap(2) of `fd`, shared. */
export function mapMemory(ffi: Ffi, fd: number, size: number, access: MappingAccess, offset: number): Mapping {
  const fits = Number.isSafeInteger(size) && size > 0 && size <= MAX_MAPPING;
  if (!fits || !Number.isSafeInteger(offset) || offset < 0) {
    throw new SysError(errno.EINVAL, 'mmap', { detail: `${size} bytes from ${offset} cannot be mapped` });
  }
  const protection = access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE;
  const address = check(ffi, ffi.libc.mmap(0, size, protection, MAP_SHARED, fd, offset), 'mmap', `fd ${fd}`);
  return new NativeMapping(ffi, address, size);
}

/**
 * A view of mapped memory cannot be taken back from those who hold it. So the end of a mapping puts empty memory in its place, which lets go of the
 * map at once and harms no later access; the addresses are given back when the last view is gone.
 */
class NativeMapping implements Mapping {
  readonly #ffi: Ffi;
  readonly #address: number;
  readonly #size: number;
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(ffi: Ffi, address: number, size: number) {
    this.#ffi = ffi;
    this.#address = address;
    this.#size = size;
    const buffer = ffi.view(address, size);
    registry.register(buffer, { ffi, address, size });
    this.#bytes = new Uint8Array(buffer);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  [Symbol.dispose](): void {
    if (this.#bytes.length === 0) return;
    this.#bytes = new Uint8Array(0);
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    const { libc } = this.#ffi;
    check(this.#ffi, libc.mmap(this.#address, this.#size, PROT_READ | PROT_WRITE, flags, -1, 0), 'mmap', 'at its end');
  }
}
