import type { BtfObject } from '../btf-object.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import { RefCounted } from '../refs.ts';

/** What BPF_MAP_CREATE was told, after the checks common to all types. */
export interface MapAttr {
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly mapExtra: bigint;
  readonly name: string;
  readonly btf: BtfObject | undefined;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** One row of the table of map types. */
export interface MapType {
  /** bpftool's name. */
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** The rules of this type for BPF_MAP_CREATE: -errno or 0. */
  readonly check: (attr: MapAttr) => number;
  /** For maps with BTF whose key has no type: whether the type has a use for that. */
  readonly keyless: boolean;
  /** Whether the BTF type of a key must be a 32-bit integer. */
  readonly integerKey: boolean;
  /** The new map, or -ENOMEM. */
  readonly create: (machine: Machine, attr: MapAttr) => BpfMap | number;
}

/** What a system call hands over besides keys and values: the caller's descriptors, for maps whose values are descriptors. */
export interface Descriptors {
  /** The program, or -EBADF, or -EINVAL if the fd is something else. */
  prog(fd: number): BpfProg | number;
  map(fd: number): BpfMap | number;
}

/** The batch commands that a type has; the others answer ENOTSUPP. */
export type BatchOp = 'lookup' | 'lookup_and_delete' | 'update' | 'delete';

/**
 * Bytes of the header that each map has in linear memory, at {@link BpfMap.address}. All fields are u32.
 *
 *      0         4          8            12            16           20    24 ... 31    32 ... 63
 *     ┌─────────┬──────────┬────────────┬─────────────┬────────────┬─────┬───────────┬────────────────────┐
 *     │ type    │ key_size │ value_size │ max_entries │ map_flags  │ id  │ 0         │ the type's own     │
 *     └─────────┴──────────┴────────────┴─────────────┴────────────┴─────┴───────────┴────────────────────┘
 */
export const MAP_HEADER_SIZE = 64;

/**
 * A map of the embedded kernel. Keys and values are addresses in the machine's linear memory, and results are `-errno` or 0, so that one
 * function serves the helper that a program calls and the system call. One subclass per map type.
 */
export abstract class BpfMap extends RefCounted {
  readonly machine: Machine;
  readonly attr: MapAttr;
  readonly id: number;
  /** Address of the map's header in linear memory: what `ld_imm64` of a map puts into a register. `machine.mapAt(address)` leads back. */
  readonly address: number;
  /** References by fds and pins; when the last goes, {@link BpfMap.releaseUsers} runs. */
  #users = 0;
  frozen = false;

  /** `address`: of zeroed memory that starts with MAP_HEADER_SIZE bytes of header. The map owns it from here on. */
  constructor(machine: Machine, attr: MapAttr, address: number) {
    super();
    this.machine = machine;
    this.attr = attr;
    this.address = address;
    this.id = machine.adoptMap(this);
    const words = [attr.type, attr.keySize, attr.valueSize, attr.maxEntries, attr.flags, this.id];
    words.forEach((word, i) => {
      machine.memory.dv.setUint32(address + 4 * i, word, true);
    });
  }

  /** Address of the value for the running CPU, or 0: bpf_map_lookup_elem. */
  abstract lookup(key: number): number;
  /** `value` holds `valueSize` bytes, for the running CPU where the type is per-CPU: bpf_map_update_elem. */
  abstract update(key: number, value: number, flags: number): number;
  abstract delete(key: number): number;
  /** `key` 0 means "the first". Writes the next key to `next`. */
  abstract nextKey(key: number, next: number): number;

  /** Bytes that the system call exchanges for one value: for per-CPU maps `cpus * roundUp(valueSize, 8)`. */
  get userValueSize(): number {
    return this.attr.valueSize;
  }
  /** BPF_MAP_LOOKUP_ELEM: copies the value to `out` (`userValueSize` bytes). */
  abstract copyOut(key: number, out: number): number;
  /** BPF_MAP_UPDATE_ELEM with a value as user space gives it (`userValueSize` bytes). */
  copyIn(key: number, value: number, flags: number, _from: Descriptors): number {
    return this.update(key, value, flags);
  }
  /** BPF_MAP_LOOKUP_AND_DELETE_ELEM. */
  takeOut(_key: number, _out: number): number {
    return -524; // ENOTSUPP
  }

  readonly batch: readonly BatchOp[] = [];

  /** For BPF_PSEUDO_MAP_VALUE: address of the value area, or -errno where the type has no direct access or `offset` is outside. */
  directValue(_offset: number): number {
    return -22; // EINVAL
  }

  /** The figure that Linux shows as `memlock` in the fdinfo of the map. Bytes. */
  abstract memoryUsage(): number;

  /** What fdinfo says of the map besides what it says of all. */
  fdinfo(): readonly (readonly [string, number])[] {
    return [];
  }

  /** References by fds and pins. */
  get users(): number {
    return this.#users;
  }
  /** A reference for an fd or a pin. */
  getUser(): this {
    this.#users++;
    return this.get();
  }
  putUser(): void {
    this.#users--;
    if (this.#users === 0) this.releaseUsers();
    this.put();
  }

  /** The last fd and pin are gone, though programs may still hold the map: a prog array empties. */
  protected releaseUsers(): void {}

  protected override destroy(): void {
    this.freeMemory();
    this.machine.dropMap(this);
    this.machine.memory.free(this.address);
    this.attr.btf?.put();
  }
  /** Gives back what the map has besides its header's block. */
  protected freeMemory(): void {}
}
