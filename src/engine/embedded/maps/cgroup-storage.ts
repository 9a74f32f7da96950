import type { BtfType } from '../../../btf/types.ts';
import { roundUp } from '../../../bytes/round.ts';
import { BPF_ANY, BPF_EXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import { ACCESS_FLAGS, checkFlags, checkPercpuValue, isLocked, NUMA_FLAG, withoutLock } from './check.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';
import { addOwner, dropOwner, endStorages } from './owners.ts';

/**
 * A key is a struct bpf_cgroup_storage_key, or the cgroup's id alone: then a cgroup has one value for all attach types.
 *
 *      0              8               12    16
 *     ┌──────────────┬───────────────┬─────┐
 *     │ cgroup's id  │ attach type   │ 0   │
 *     └──────────────┴───────────────┴─────┘
 */
const KEY = 16;
const ID = 8;
/** Bytes: 65535 without what Linux keeps beside a value. */
const MAX_VALUE = 65407;
/** Bytes of Linux's struct bpf_cgroup_storage_map, for the memlock figure. */
const MAP_OVERHEAD = 328;

export const cgroupStorage: MapType = row('cgroup_storage');
export const percpuCgroupStorage: MapType = row('percpu_cgroup_storage');

function row(name: 'cgroup_storage' | 'percpu_cgroup_storage'): MapType {
  const percpu = name === 'percpu_cgroup_storage';
  return {
    name,
    type: mapTypeNumber[name],
    check: (attr) => check(attr, percpu),
    checkBtf: (key, _value, { keySize }) => checkKey(key, keySize),
    create(machine, attr) {
      const address = machine.memory.alloc(MAP_HEADER_SIZE);
      return address === 0 ? -errno.ENOMEM : new CgroupStorageMap(machine, attr, address, percpu);
    },
  };
}

function check(attr: MapAttr, percpu: boolean): number {
  const { keySize, valueSize, maxEntries, flags } = attr;
  if ((keySize !== KEY && keySize !== ID) || valueSize === 0) return -errno.EINVAL;
  if (valueSize > MAX_VALUE) return -errno.E2BIG;
  const large = percpu ? checkPercpuValue(attr) : 0;
  if (large !== 0) return large;
  return checkFlags(flags, NUMA_FLAG | ACCESS_FLAGS) || (maxEntries === 0 ? 0 : -errno.EINVAL);
}

function checkKey(key: BtfType | undefined, keySize: number): number {
  if (keySize === ID) return key?.kind === 'int' && key.bits === 64 && key.bitOffset === 0 ? 0 : -errno.EINVAL;
  const [id, attachType] = key?.kind === 'struct' && key.members.length === 2 ? key.members : [];
  return id?.bitOffset === 0 && attachType?.bitOffset === 64 ? 0 : -errno.EINVAL;
}

/** Where a program is attached: what its values belong to. */
export interface StoragePlace {
  /** The cgroup. */
  readonly owner: object;
  /** Its id. */
  readonly id: number;
  /** BPF_* of enum bpf_attach_type. */
  readonly attachType: number;
}

interface Value extends StoragePlace {
  readonly address: number;
}

/**
 * BPF_MAP_TYPE_CGROUP_STORAGE and PERCPU_CGROUP_STORAGE: a value for each place where a program that uses the map is attached. It is made then, and stays until
 * its cgroup or the map goes. Each is in a block of its own; of those that are per CPU, one after the other as user space sees them.
 */
export class CgroupStorageMap extends BpfMap {
  readonly #percpu: boolean;
  readonly #stride: number;
  readonly #values = new Map<string, Value>();

  constructor(machine: Machine, attr: MapAttr, address: number, percpu: boolean) {
    super(machine, attr, address);
    this.#percpu = percpu;
    this.#stride = roundUp(attr.valueSize, 8);
  }

  override get userValueSize(): number {
    return this.#percpu ? this.#stride * this.machine.cpus : this.attr.valueSize;
  }

  /** The place has a value from now on, of zeros if it had none. 0 or -ENOMEM. */
  begin(place: StoragePlace): number {
    const key = this.#keyOf(place.id, place.attachType);
    if (this.#values.has(key)) return 0;
    const address = this.machine.memory.alloc(this.userValueSize);
    if (address === 0) return -errno.ENOMEM;
    this.#values.set(key, { ...place, address });
    addOwner(place.owner, this);
    return 0;
  }

  /** Address of the place's value for the running CPU, or 0: bpf_get_local_storage. */
  storageOf({ id, attachType }: StoragePlace): number {
    const value = this.#values.get(this.#keyOf(id, attachType));
    if (value === undefined) return 0;
    return this.#percpu ? value.address + this.machine.cpu * this.#stride : value.address;
  }

  remove(owner: object): number {
    for (const [key, value] of [...this.#values]) if (value.owner === owner) this.#free(key, value);
    dropOwner(owner, this);
    return 0;
  }

  copyOut(key: number, out: number): number {
    const value = this.#at(key);
    if (value === undefined) return -errno.ENOENT;
    this.copier.show(out, value.address, this.userValueSize);
    return 0;
  }

  override copyIn(key: number, from: number, flags: number): number {
    const how = withoutLock(flags);
    if ((how !== BPF_ANY && how !== BPF_EXIST) || (isLocked(flags) && !this.copier.has('spin_lock')))
      return -errno.EINVAL;
    const value = this.#at(key);
    if (value === undefined) return -errno.ENOENT;
    this.copier.write(value.address, from, this.userValueSize);
    return 0;
  }

  /** The newest value comes first. */
  nextKey(key: number, next: number): number {
    const values = [...this.#values.values()].reverse();
    const before = key === 0 ? undefined : this.#at(key);
    if (key !== 0 && before === undefined) return -errno.ENOENT;
    const found = values[before === undefined ? 0 : values.indexOf(before) + 1];
    if (found === undefined) return -errno.ENOENT;
    const { dv } = this.machine.memory;
    dv.setBigUint64(next, BigInt(found.id), true);
    if (this.attr.keySize === KEY) dv.setBigUint64(next + ID, BigInt(found.attachType), true);
    return 0;
  }

  // Programs have the values of the places where they are, and no keys.
  lookup(): number {
    return 0;
  }
  update(): number {
    return -errno.EINVAL;
  }
  delete(): number {
    return -errno.EINVAL;
  }

  override valueAround(address: number): number {
    for (const { address: start } of this.#values.values()) {
      if (address >= start && address < start + this.attr.valueSize) return start;
    }
    return 0;
  }

  memoryUsage(): number {
    return MAP_OVERHEAD;
  }

  protected override freeMemory(): void {
    for (const [key, value] of [...this.#values]) this.#free(key, value);
  }

  #at(key: number): Value | undefined {
    const { dv } = this.machine.memory;
    const attachType = this.attr.keySize === KEY ? dv.getUint32(key + ID, true) : 0;
    return this.#values.get(this.#keyOf(dv.getBigUint64(key, true), attachType));
  }
  #keyOf(id: number | bigint, attachType: number): string {
    return this.attr.keySize === KEY ? `${id} ${attachType}` : `${id}`;
  }
  #free(key: string, value: Value): void {
    this.#values.delete(key);
    dropOwner(value.owner, this);
    this.machine.memory.free(value.address);
  }
}

/** The maps of this kind that a program uses: one of each type. */
export function cgroupStorages(maps: readonly BpfMap[]): readonly CgroupStorageMap[] {
  return maps.filter((map) => map instanceof CgroupStorageMap);
}

/** A program is attached: it has values there. 0 or -ENOMEM. */
export function beginStorages(prog: BpfProg, place: StoragePlace): number {
  for (const map of cgroupStorages(prog.attr.maps)) {
    const failed = map.begin(place);
    if (failed !== 0) return failed;
  }
  return 0;
}

/** A program runs where it is attached. */
export function runAt<T>(machine: Machine, place: StoragePlace, run: () => T): T {
  const before = machine.storagePlace;
  machine.storagePlace = place;
  try {
    return run();
  } finally {
    machine.storagePlace = before;
  }
}

/** A program runs though it is attached nowhere, with values that end with the run. */
export function runNowhere<T>(prog: BpfProg, run: () => T): T | number {
  const place = { owner: {}, id: 0, attachType: 0 };
  const failed = beginStorages(prog, place);
  if (failed !== 0) return failed;
  try {
    return runAt(prog.machine, place, run);
  } finally {
    endStorages(place.owner);
  }
}
