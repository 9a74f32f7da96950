import { roundUp } from '../../bytes/round.ts';
import type { Mapping, MappingAccess } from '../../sys/kernel.ts';
import { BPF_F_RDONLY_PROG } from '../../uapi/bpf.ts';
import { errno } from '../../uapi/errno.ts';
import { HOST_PAGE } from './maps/array.ts';
import type { BpfMap } from './maps/map.ts';
import type { Process } from './process.ts';

/** mmap(2) of a map: arrays that were made for it (BPF_F_MMAPABLE), ring buffers. -errno where Linux refuses. */
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
  if (writable && map.frozen) return -errno.EPERM;
  if (writable && (map.attr.flags & BPF_F_RDONLY_PROG) !== 0) return -errno.EACCES;
  const address = map.mmap(offset, roundUp(size, HOST_PAGE), writable);
  return address < 0 ? address : new MapMapping(process, map, address, size, writable);
}

class MapMapping implements Mapping {
  #map: BpfMap | undefined;
  readonly #address: number;
  readonly #size: number;
  readonly #writable: boolean;
  readonly #forget: () => void;

  /** Ends with the process. */
  constructor(process: Process, map: BpfMap, address: number, size: number, writable: boolean) {
    this.#forget = process.onEnd(() => this[Symbol.dispose]());
    this.#map = map.get();
    this.#address = address;
    this.#size = size;
    this.#writable = writable;
    if (writable) map.writableMappings++;
  }

  get bytes(): Uint8Array {
    if (this.#map === undefined) return new Uint8Array(0);
    return this.#map.machine.memory.u8.subarray(this.#address, this.#address + this.#size);
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
