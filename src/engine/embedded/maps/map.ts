import type { BtfType } from '../../../btf/types.ts';
import { BPF_OBJ_NAME_LEN } from '../../../uapi/bpf.ts';
import type { AddressSpace } from '../address-space.ts';
import type { BtfObject } from '../btf-object.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import type { OpenFile } from '../files.ts';
import type { Wide } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import type { Mappable } from '../mapping.ts';
import type { PerfEvent } from '../perf-event.ts';
import type { BpfProg } from '../progs/prog.ts';
import { RefCounted } from '../refs.ts';
import type { Socket } from '../sockets/socket.ts';
import type { InnerMeta } from './inner.ts';
import { ValueCopier } from './value-copier.ts';
import type { ValueField } from './value-fields.ts';

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
  /** What the kernel keeps for itself in a value, by growing offset. */
  readonly fields?: readonly ValueField[];
  /** Of type struct_ops: the kernel's struct that values are, in its BTF. */
  readonly structTypeId?: number | undefined;
  /** For maps of maps: a map like those that it will hold. Not referenced. */
  readonly inner?: BpfMap | undefined;
}

/** One row of the table of map types. */
export interface MapType {
  /** bpftool's name. */
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** The rules of this type for BPF_MAP_CREATE: -errno or 0. */
  readonly check: (attr: MapAttr) => number;
  /**
   * The type's own rules for BTF, once its types have the sizes of key and value: -errno or 0. `key` is `undefined` where it has no type, which map types
   * without such rules refuse.
   */
  readonly checkBtf?: (key: BtfType | undefined, value: BtfType, attr: MapAttr) => number;
  /** What it asks of the kernel's own types, before the caller's are looked at: -errno or 0. */
  readonly checkKernelTypes?: (machine: Machine, attr: MapAttr) => number;
  /** Whether it is made with a map like those that it will hold. */
  readonly ofMaps?: true;
  /** The new map, or -errno. */
  readonly create: (machine: Machine, attr: MapAttr) => BpfMap | number;
}

/** What a system call hands over besides keys and values: the caller's descriptors, for maps whose values are descriptors. */
export interface Descriptors {
  /** The program, or -EBADF, or -EINVAL if the fd is something else. */
  prog(fd: number): BpfProg | number;
  map(fd: number): BpfMap | number;
  perfEvent(fd: number): PerfEvent | number;
  /** -ENOENT if it was removed. */
  cgroupOf(fd: number): Cgroup | number;
  file(fd: number): OpenFile | undefined;
  readonly machine: Machine;
  /** The socket, or -EBADF, or -ENOTSOCK if the fd is something else. */
  socket(fd: number): Socket | number;
}

/** The batch commands that a type has; the others answer ENOTSUPP. */
export type BatchOp = 'lookup' | 'lookup_and_delete' | 'update' | 'delete';

/**
 * Bytes of the header that each map has in linear memory, at {@link BpfMap.address}: the struct bpf_map of the kernel's types, whose members programs read by a pointer to the map. All fields are
 * u32, but for map_extra (u64) and the name.
 *
 *      0         4          8            12            16           20    24          32 ... 63        64                68                 72 ... 87   96
 *     ┌─────────┬──────────┬────────────┬─────────────┬────────────┬─────┬───────────┬────────────────┬─────────────────┬───────────────────┬──────┬────┐
 *     │ type    │ key_size │ value_size │ max_entries │ map_flags  │ id  │ map_extra │ the type's own │ btf_key_type_id │ btf_value_type_id │ name │    │
 *     └─────────┴──────────┴────────────┴─────────────┴────────────┴─────┴───────────┴────────────────┴─────────────────┴───────────────────┴──────┴────┘
 */
export const MAP_HEADER_SIZE = 96;
const MAP_EXTRA = 24;
const TYPE_IDS = 64;
const NAME = 72;

/**
 * A map of the embedded kernel. Keys and values are addresses in the machine's linear memory, and results are `-errno` or 0, so that one
 * function serves the helper that a program calls and the system call. One subclass per map type.
 */
export abstract class BpfMap extends RefCounted implements Mappable {
  readonly machine: Machine;
  readonly attr: MapAttr;
  readonly id: number;
  /** Address of the map's header in linear memory: what `ld_imm64` of a map puts into a register. `machine.mapAt(address)` leads back. */
  readonly address: number;
  /** References by fds and pins; when the last goes, {@link BpfMap.releaseUsers} runs. */
  #users = 0;
  frozen = false;
  /** Of maps of maps: what those are like. */
  readonly inner: InnerMeta | undefined = undefined;
  /** How values are copied. */
  readonly copier: ValueCopier;
  /** While there is one the map cannot be frozen. */
  writableMappings = 0;

  /** `address`: of zeroed memory that starts with MAP_HEADER_SIZE bytes of header. The map owns it from here on. */
  constructor(machine: Machine, attr: MapAttr, address: number) {
    super();
    this.machine = machine;
    this.attr = attr;
    this.address = address;
    this.copier = new ValueCopier(machine, attr.valueSize, attr.fields ?? []);
    this.id = machine.adoptMap(this);
    const words = [attr.type, attr.keySize, attr.valueSize, attr.maxEntries, attr.flags, this.id];
    const { dv, u8 } = machine.memory;
    for (const [i, word] of words.entries()) dv.setUint32(address + 4 * i, word, true);
    dv.setBigUint64(address + MAP_EXTRA, attr.mapExtra, true);
    dv.setUint32(address + TYPE_IDS, attr.keyTypeId, true);
    dv.setUint32(address + TYPE_IDS + 4, attr.valueTypeId, true);
    u8.set(new TextEncoder().encode(attr.name).subarray(0, BPF_OBJ_NAME_LEN - 1), address + NAME);
  }

  /** Address of the value for the running CPU, or 0: bpf_map_lookup_elem. */
  abstract lookup(key: number): number;
  /** `value` holds `valueSize` bytes, for the running CPU where the type is per-CPU: bpf_map_update_elem. */
  abstract update(key: number, value: number, flags: number): number;
  abstract delete(key: number): number;
  /** `key` 0 means "the first". Writes the next key to `next`. */
  abstract nextKey(key: number, next: number): number;

  /** Called once before several CPUs run programs for the first time: whether there was memory for it. */
  spread(): boolean {
    return true;
  }

  /** Calls while no other CPU changes the map by itself. */
  exclusively<T>(use: () => T): T {
    return use();
  }

  /** Bytes that the system call exchanges for one value: for per-CPU maps `cpus * roundUp(valueSize, 8)`. */
  get userValueSize(): number {
    return this.attr.valueSize;
  }
  /** Whether BPF_MAP_LOOKUP_ELEM is given the value that it is to look for. */
  readonly asksByValue: boolean = false;
  /** BPF_MAP_LOOKUP_ELEM: copies the value to `out` (`userValueSize` bytes). */
  abstract copyOut(key: number, out: number): number;
  /** The same for whom keys are fds. */
  copyOutFrom(key: number, out: number, _from: Descriptors): number {
    return this.copyOut(key, out);
  }
  /** BPF_MAP_UPDATE_ELEM with a value as user space gives it (`userValueSize` bytes), through this file of the map. */
  copyIn(key: number, value: number, flags: number, _from: Descriptors, _through: OpenFile | undefined): number {
    return this.update(key, value, flags);
  }
  /** BPF_MAP_DELETE_ELEM. */
  deleteFrom(key: number, _from: Descriptors): number {
    return this.delete(key);
  }
  /** No fd leads to this file of the map any more. */
  closedThrough(_file: OpenFile): void {}
  /** BPF_MAP_LOOKUP_AND_DELETE_ELEM. */
  takeOut(_key: number, _out: number): number {
    return -524; // ENOTSUPP
  }

  // What queues, stacks and bloom filters have instead of keys: bpf_map_push_elem, bpf_map_pop_elem, bpf_map_peek_elem.
  push?(value: number, flags: number): number;
  pop?(out: number): number;
  peek?(out: number): number;

  /**
   * Calls `visit` with the addresses of each element's key and of its value for the running CPU, until that is false: bpf_for_each_map_elem. `room`: address
   * of 8 bytes for keys that are not in the map's memory.
   */
  forEach?(room: number, visit: (key: number, value: number) => boolean): 'visited';

  readonly batch: readonly BatchOp[] = [];

  /** For BPF_PSEUDO_MAP_VALUE: address of the value area, or -errno where the type has no direct access or `offset` is outside. */
  directValue(_offset: number): number {
    return -22; // EINVAL
  }

  /** The same for a type whose memory programs know by its address in user space: that, or -errno. */
  userAddress?(offset: number): Wide | number;
  // As those of Mappable.
  place?(space: AddressSpace, offset: number, length: number, wanted: number | undefined): number;
  handOut?(): void;
  touch?(offset: number, length: number): void;

  /** mmap(2): address of `length` bytes from `offset` on, both of whole pages; -errno. `at`: what {@link BpfMap.place} said. */
  mmap(_offset: number, _length: number, _writable: boolean, _at: number): number {
    return -524; // ENOTSUPP
  }

  mapped(writable: boolean): void {
    this.get();
    if (writable) this.writableMappings++;
  }
  unmapped(writable: boolean): void {
    if (writable) this.writableMappings--;
    this.put();
  }

  /** Address of the value whose bytes these are, or 0: where a pointer to a lock or a timer leads. Only types whose values have such fields say it. */
  valueAround(_address: number): number {
    return 0;
  }
  /** Address of the key of a value, for what is called with both; `room`: 8 bytes for keys that are not in the map's memory. */
  keyOf(_value: number, room: number): number {
    return room;
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

  /** The last fd and pin are gone, though programs may still hold the map: a prog array empties, timers end. */
  protected releaseUsers(): void {
    if (this.copier.has('timer') || this.copier.has('wq')) this.machine.mapTimers.endAll(this);
  }

  protected override destroy(): void {
    this.freeMemory();
    this.machine.dropMap(this);
    this.machine.memory.free(this.address);
    this.attr.btf?.put();
  }
  /** Gives back what the map has besides its header's block. */
  protected freeMemory(): void {}
}
