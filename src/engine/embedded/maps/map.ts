import type { BtfObject } from '../btf-object.ts';
import type { Machine } from '../machine.ts';
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
  users = 0;
  frozen = false;

  constructor(machine: Machine, attr: MapAttr) {
    super();
    this.machine = machine;
    this.attr = attr;
    const { id, address } = machine.adoptMap(this);
    this.id = id;
    this.address = address;
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
  abstract copyOut(key: number, out: number, flags: number): number;
  /** BPF_MAP_UPDATE_ELEM with a value as user space gives it (`userValueSize` bytes). */
  copyIn(key: number, value: number, flags: number): number {
    return this.update(key, value, flags);
  }

  /** For BPF_PSEUDO_MAP_VALUE: address of the value area, or -errno where the type has no direct access. */
  directValue(_offset: number): number {
    return -524; // ENOTSUPP; types with direct access override this
  }

  /** The figure that Linux shows as `memlock` (spec: fdinfo of the map). Bytes. */
  abstract memoryUsage(): number;

  /** The last fd and pin are gone, though programs may still hold the map: a prog array empties. */
  releaseUsers(): void {}

  protected override destroy(): void {
    this.freeMemory();
    this.machine.dropMap(this);
    this.attr.btf?.put();
  }
  protected abstract freeMemory(): void;
}
