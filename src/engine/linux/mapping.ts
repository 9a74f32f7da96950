import { SysError } from '../../errors.ts';
import type { Mapping, MappingAccess } from '../../sys/kernel.ts';
import { putBytes } from '../../sys/put-bytes.ts';
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
const MAP_FIXED_NOREPLACE = 0x100000;
/** Bytes at most: twice the largest ring buffer that Linux makes, and its pages of positions. */
const MAX_MAPPING = 2 ** 33;

/** Unmaps what nothing in JavaScript can reach any more. */
const registry = new FinalizationRegistry<{ readonly ffi: Ffi; readonly address: number; readonly size: number }>(
  ({ ffi, address, size }) => ffi.libc.munmap(address, size),
);

/** mmap(2) of `fd`, shared; at the address that is wanted, 0: anywhere. */
export function mapMemory(
  ffi: Ffi,
  fd: number,
  size: number,
  access: MappingAccess,
  offset: number,
  wanted: number,
): Mapping {
  const fits = Number.isSafeInteger(size) && size > 0 && size <= MAX_MAPPING;
  const places = [offset, wanted].every((place) => Number.isSafeInteger(place) && place >= 0);
  if (!fits || !places) {
    throw new SysError(errno.EINVAL, 'mmap', { detail: `${size} bytes from ${offset} cannot be mapped` });
  }
  const protection = access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE;
  const map = (address: number, flags: number) =>
    check(ffi, ffi.libc.mmap(address, size, protection, MAP_SHARED | flags, fd, offset), 'mmap', `fd ${fd}`);
  if (wanted === 0) {
    const address = map(0, 0);
    const buffer = ffi.view(address, size);
    registry.register(buffer, { ffi, address, size });
    return new NativeMapping(ffi, { address, size, buffer });
  }
  const place = left.get(wanted);
  if (place?.size !== size) {
    const address = map(wanted, MAP_FIXED_NOREPLACE);
    if (address !== wanted) {
      // An arena, which there would go over a multiple of 4 GiB.
      ffi.libc.munmap(address, size);
      throw new SysError(errno.EINVAL, 'mmap', {
        detail: `the kernel has it elsewhere than at 0x${wanted.toString(16)}`,
      });
    }
    return new NativeMapping(ffi, { address: wanted, size, buffer: ffi.view(wanted, size), again: true });
  }
  try {
    map(wanted, MAP_FIXED);
  } catch (error) {
    putNothing(ffi, place);
    throw error;
  }
  left.delete(wanted);
  return new NativeMapping(ffi, place);
}

/** Mapped memory. */
interface Place {
  readonly address: number;
  readonly size: number;
  readonly buffer: ArrayBuffer;
  /** Somebody asked for this address, and may ask again. */
  readonly again?: boolean;
}

/** Places that somebody asked for, after the end of their mapping. Nobody else gets them, since views of them may be left. */
const left = new Map<number, Place>();

function putNothing(ffi: Ffi, { address, size }: Place): void {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  check(ffi, ffi.libc.mmap(address, size, PROT_READ | PROT_WRITE, flags, -1, 0), 'mmap', 'at its end');
}

/**
 * A view of mapped memory cannot be taken back from those who hold it. So the end of a mapping puts empty memory in its place, which lets go of the
 * map at once and harms no later access; the addresses are given back when the last view is gone.
 */
class NativeMapping implements Mapping {
  readonly #ffi: Ffi;
  readonly #place: Place;
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(ffi: Ffi, place: Place) {
    this.#ffi = ffi;
    this.#place = place;
    this.#bytes = new Uint8Array(place.buffer);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  write(offset: number, data: Uint8Array): void {
    putBytes(this.#bytes, offset, data);
  }

  [Symbol.dispose](): void {
    if (this.#bytes.length === 0) return;
    this.#bytes = new Uint8Array(0);
    putNothing(this.#ffi, this.#place);
    if (this.#place.again) left.set(this.#place.address, this.#place);
  }
}
