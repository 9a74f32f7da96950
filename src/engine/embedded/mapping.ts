import { roundUp } from '../../bytes/round.ts';
import type { Mapping, MappingAccess } from '../../sys/kernel.ts';
import { putBytes } from '../../sys/put-bytes.ts';
import { BPF_F_RDONLY_PROG } from '../../uapi/bpf.ts';
import { errno } from '../../uapi/errno.ts';
import type { AddressSpace } from './address-space.ts';
import type { Machine } from './machine.ts';
import { HOST_PAGE } from './maps/array.ts';
import type { Process } from './process.ts';

/** mmap(2) of a map: arrays that were made for it (BPF_F_MMAPABLE), ring buffers, arenas; of a perf event. `wanted`: see `Kernel.mmap`. -errno where Linux refuses. */
export function mapMemory(
  process: Process,
  fd: number,
  size: number,
  access: MappingAccess,
  offset: number,
  wanted: number | undefined,
): Mapping | number {
  const file = process.files.get(fd);
  if (file === undefined) return -errno.EBADF;
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(offset) || size <= 0 || offset < 0) return -errno.EINVAL;
  if (offset % HOST_PAGE !== 0) return -errno.EINVAL;
  if (wanted !== undefined && !(Number.isSafeInteger(wanted) && wanted >= 0)) return -errno.EINVAL;
  const writable = access !== 'read';
  const length = roundUp(size, HOST_PAGE);
  if (file.kind === 'perf_event') return mapping(process, file.event, { offset, length, size, writable, at: 0 });
  if (file.kind !== 'map') return -errno.ENODEV;
  const { map } = file;
  const at = map.place?.(process.addresses, offset, length, wanted || undefined) ?? 0;
  if (at < 0) return at;
  if (!file.canRead || (writable && !file.canWrite)) return -errno.EACCES;
  if (writable && map.frozen) return -errno.EPERM;
  if (writable && (map.attr.flags & BPF_F_RDONLY_PROG) !== 0) return -errno.EACCES;
  return mapping(process, map, { offset, length, size, writable, at });
}

/** What can be mapped. */
export interface Mappable {
  readonly machine: Machine;
  /** Where a process has it, as whoever wants an address there; -errno. Not said: it does not matter. */
  place?(space: AddressSpace, offset: number, length: number, wanted: number | undefined): number;
  /** Address of `length` bytes from `offset` on, both of whole pages; -errno. `at`: where the process has it, or 0. */
  mmap(offset: number, length: number, writable: boolean, at: number): number;
  /** Its bytes are handed out, to be read and written. Not said: that needs nothing. */
  handOut?(): void;
  /** Bytes from `offset` on are written. Not said: that needs nothing. */
  touch?(offset: number, length: number): void;
  /** A mapping begins, and holds it; and ends. */
  mapped(writable: boolean): void;
  unmapped(writable: boolean): void;
}

interface Place {
  readonly offset: number;
  /** Bytes of its pages, and those of them that were asked for. */
  readonly length: number;
  readonly size: number;
  readonly writable: boolean;
  /** Where the process has it; 0: that does not matter. */
  readonly at: number;
}

function mapping(process: Process, object: Mappable, place: Place): Mapping | number {
  const address = object.mmap(place.offset, place.length, place.writable, place.at);
  return address < 0 ? address : new LinearMapping(process, object, address, place);
}

class LinearMapping implements Mapping {
  #object: Mappable | undefined;
  readonly #address: number;
  readonly #place: Place;
  readonly #forget: () => void;
  readonly #leave: (() => void) | undefined;

  /** Ends with the process. */
  constructor(process: Process, object: Mappable, address: number, place: Place) {
    this.#forget = process.onEnd(() => this[Symbol.dispose]());
    this.#leave = place.at === 0 ? undefined : process.addresses.add(place.at, place.length);
    this.#object = object;
    this.#address = address;
    this.#place = place;
    object.mapped(place.writable);
  }

  get bytes(): Uint8Array {
    if (this.#object === undefined) return new Uint8Array(0);
    this.#object.handOut?.();
    return this.#object.machine.memory.u8.subarray(this.#address, this.#address + this.#place.size);
  }

  write(offset: number, data: Uint8Array): void {
    putBytes(this.bytes, offset, data);
    this.#object?.touch?.(this.#place.offset + offset, data.length);
  }

  [Symbol.dispose](): void {
    const object = this.#object;
    this.#object = undefined;
    if (object === undefined) return;
    this.#forget();
    this.#leave?.();
    object.unmapped(this.#place.writable);
  }
}
