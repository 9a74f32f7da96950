import { roundUp } from '../../bytes/round.ts';
import type { Mapping, MappingAccess } from '../../sys/kernel.ts';
import { BPF_F_RDONLY_PROG } from '../../uapi/bpf.ts';
import { errno } from '../../uapi/errno.ts';
import type { Machine } from './machine.ts';
import { HOST_PAGE } from './maps/array.ts';
import type { Process } from './process.ts';

/** mmap(2) of a map: arrays that were made for it (BPF_F_MMAPABLE), ring buffers; of a perf event. -errno where Linux refuses. */
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
  const writable = access !== 'read';
  const length = roundUp(size, HOST_PAGE);
  if (file.kind === 'perf_event') return mapping(process, file.event, offset, length, size, writable);
  if (file.kind !== 'map') return -errno.ENODEV;
  const { map } = file;
  if (!file.canRead || (writable && !file.canWrite)) return -errno.EACCES;
  if (writable && map.frozen) return -errno.EPERM;
  if (writable && (map.attr.flags & BPF_F_RDONLY_PROG) !== 0) return -errno.EACCES;
  return mapping(process, map, offset, length, size, writable);
}

/** What can be mapped. */
export interface Mappable {
  readonly machine: Machine;
  /** Address of `length` bytes from `offset` on, both of whole pages; -errno. */
  mmap(offset: number, length: number, writable: boolean): number;
  /** A mapping begins, and holds it; and ends. */
  mapped(writable: boolean): void;
  unmapped(writable: boolean): void;
}

function mapping(
  process: Process,
  object: Mappable,
  offset: number,
  length: number,
  size: number,
  writable: boolean,
): Mapping | number {
  const address = object.mmap(offset, length, writable);
  return address < 0 ? address : new LinearMapping(process, object, address, size, writable);
}

class LinearMapping implements Mapping {
  #object: Mappable | undefined;
  readonly #address: number;
  readonly #size: number;
  readonly #writable: boolean;
  readonly #forget: () => void;

  /** Ends with the process. */
  constructor(process: Process, object: Mappable, address: number, size: number, writable: boolean) {
    this.#forget = process.onEnd(() => this[Symbol.dispose]());
    this.#object = object;
    this.#address = address;
    this.#size = size;
    this.#writable = writable;
    object.mapped(writable);
  }

  get bytes(): Uint8Array {
    if (this.#object === undefined) return new Uint8Array(0);
    return this.#object.machine.memory.u8.subarray(this.#address, this.#address + this.#size);
  }

  [Symbol.dispose](): void {
    const object = this.#object;
    this.#object = undefined;
    if (object === undefined) return;
    this.#forget();
    object.unmapped(this.#writable);
  }
}
