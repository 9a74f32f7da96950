import { roundUp } from '../../bytes/round.ts';
import type { Mapping, MappingAccess } from '../../sys/kernel.ts';
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../../uapi/bpf.ts';
import { errno } from '../../uapi/errno.ts';
import { ArrayMap, HOST_PAGE } from './maps/array.ts';
import type { Process } from './process.ts';

/** mmap(2) of the values of an array that was made for it (BPF_F_MMAPABLE). -errno where Linux refuses. */
export function mapMemory(
  process: Process,
  fd: number,
  size: number,
  access: MappingAccess,
  offset: number,
): Mapping | number {
  const file = process.files.get(fd);
  if (file === undefined) return -errno.EBADF;
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(offset) || size <= 0 || offset < 0) return -errno.EINVAL;
  if (offset % HOST_PAGE !== 0) return -errno.EINVAL;
  if (file.kind !== 'map') return -errno.ENODEV;
  const { map } = file;
  const writable = access !== 'read';
  if (!file.canRead || (writable && !file.canWrite)) return -errno.EACCES;
  if (!(map instanceof ArrayMap)) return -errno.ENOTSUPP;
  if (writable && map.frozen) return -errno.EPERM;
  if (writable && (map.attr.flags & BPF_F_RDONLY_PROG) !== 0) return -errno.EACCES;
  if ((map.attr.flags & BPF_F_MMAPABLE) === 0) return -errno.EINVAL;
  const length = roundUp(size, HOST_PAGE);
  if (offset + length > roundUp(map.stride * map.attr.maxEntries, HOST_PAGE)) return -errno.EINVAL;
  return new ArrayMapping(process, map, offset, size, writable);
}

class ArrayMapping implements Mapping {
  #map: ArrayMap | undefined;
  readonly #offset: number;
  readonly #size: number;
  readonly #writable: boolean;
  readonly #forget: () => void;

  /** Ends with the process. */
  constructor(process: Process, map: ArrayMap, offset: number, size: number, writable: boolean) {
    this.#forget = process.onEnd(() => this[Symbol.dispose]());
    this.#map = map.get();
    this.#offset = offset;
    this.#size = size;
    this.#writable = writable;
    if (writable) map.writableMappings++;
  }

  get bytes(): Uint8Array {
    if (this.#map === undefined) return new Uint8Array(0);
    const start = this.#map.values + this.#offset;
    return this.#map.machine.memory.u8.subarray(start, start + this.#size);
  }

  [Symbol.dispose](): void {
    const map = this.#map;
    this.#map = undefined;
    if (map === undefined) return;
    this.#forget();
    if (this.#writable) map.writableMappings--;
    map.put();
  }
}
