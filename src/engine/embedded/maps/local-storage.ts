import { roundUpToPowerOfTwo } from '../../../bytes/round.ts';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { integerKey, isLocked, withoutLock } from './check.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';
import { addOwner, dropOwner } from './owners.ts';

const BPF_F_CLONE = 512;
/** Bytes: 65535 without what Linux keeps beside a value. */
const MAX_VALUE = 65407;
/** Bytes of Linux's struct bpf_local_storage_map and of one of its buckets, for the memlock figure. */
const MAP_OVERHEAD = 448;
const BUCKET = 16;

/** What an fd names as the owner of a value: any object, for as long as it lives; -errno if it names none. */
export type OwnerOf = (from: Descriptors, fd: number) => object | number;

/** A map type whose values belong to objects of one kind: made without entries, with a BTF, and for user space by fds of the owners. */
export function storageType(
  name: 'sk_storage' | 'inode_storage' | 'task_storage' | 'cgrp_storage',
  owner: OwnerOf,
): MapType {
  return {
    name,
    type: mapTypeNumber[name],
    check: checkStorage,
    checkBtf: (key) => (key === undefined ? -errno.EINVAL : integerKey(key)),
    create(machine, attr) {
      const address = machine.memory.alloc(MAP_HEADER_SIZE);
      return address === 0 ? -errno.ENOMEM : new LocalStorageMap(machine, attr, address, owner);
    },
  };
}

function checkStorage({ flags, keySize, valueSize, maxEntries, keyTypeId, valueTypeId }: MapAttr): number {
  if ((flags & ~(BPF_F_NO_PREALLOC | BPF_F_CLONE)) !== 0 || (flags & BPF_F_NO_PREALLOC) === 0) return -errno.EINVAL;
  if (maxEntries !== 0 || keySize !== 4 || valueSize === 0) return -errno.EINVAL;
  if (keyTypeId === 0 || valueTypeId === 0) return -errno.EINVAL;
  return valueSize > MAX_VALUE ? -errno.E2BIG : 0;
}

/** Values by their owners, each in a block of its own; without keys that programs could look up. */
export class LocalStorageMap extends BpfMap {
  readonly #owner: OwnerOf;
  /** Address of each value. */
  readonly #blocks = new Map<object, number>();

  constructor(machine: Machine, attr: MapAttr, address: number, owner: OwnerOf) {
    super(machine, attr, address);
    this.#owner = owner;
  }

  /** Address of the owner's value, or 0. With `create` a value of zeros, or of what is at `initial`, comes where there is none: bpf_sk_storage_get and its like. */
  storageOf(owner: object, create: boolean, initial = 0): number {
    const known = this.#blocks.get(owner) ?? 0;
    if (known !== 0 || !create) return known;
    const block = this.machine.memory.alloc(this.attr.valueSize);
    if (block === 0) return 0;
    if (initial !== 0) this.copier.write(block, initial);
    this.#blocks.set(owner, block);
    addOwner(owner, this);
    return block;
  }

  /** 0, or -ENOENT: bpf_sk_storage_delete and its like. */
  remove(owner: object): number {
    const block = this.#blocks.get(owner);
    if (block === undefined) return -errno.ENOENT;
    this.#blocks.delete(owner);
    dropOwner(owner, this);
    this.copier.drop(block);
    this.machine.memory.free(block);
    return 0;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const owner = this.#ownerAt(key, from);
    if (typeof owner === 'number') return owner;
    const how = withoutLock(flags);
    if (how > BPF_EXIST || (isLocked(flags) && !this.copier.has('spin_lock'))) return -errno.EINVAL;
    const old = this.#blocks.get(owner);
    if (old !== undefined && how === BPF_NOEXIST) return -errno.EEXIST;
    if (old === undefined && how === BPF_EXIST) return -errno.ENOENT;
    const block = this.storageOf(owner, true);
    if (block === 0) return -errno.ENOMEM;
    this.copier.write(block, value);
    return 0;
  }

  override copyOutFrom(key: number, out: number, from: Descriptors): number {
    const owner = this.#ownerAt(key, from);
    if (typeof owner === 'number') return owner;
    const value = this.#blocks.get(owner);
    if (value === undefined) return -errno.ENOENT;
    this.copier.show(out, value);
    return 0;
  }

  override deleteFrom(key: number, from: Descriptors): number {
    const owner = this.#ownerAt(key, from);
    return typeof owner === 'number' ? owner : this.remove(owner);
  }

  #ownerAt(key: number, from: Descriptors): object | number {
    return this.#owner(from, this.machine.memory.dv.getInt32(key, true));
  }

  // What programs call by keys finds nothing: they have owners, not fds.
  lookup(): number {
    return 0;
  }
  update(): number {
    return -errno.ENOTSUPP;
  }
  copyOut(): number {
    return -errno.ENOTSUPP;
  }
  delete(): number {
    return -errno.ENOTSUPP;
  }
  nextKey(): number {
    return -errno.ENOTSUPP;
  }

  override valueAround(address: number): number {
    for (const block of this.#blocks.values()) {
      if (address >= block && address < block + this.attr.valueSize) return block;
    }
    return 0;
  }

  memoryUsage(): number {
    return MAP_OVERHEAD + BUCKET * Math.max(2, roundUpToPowerOfTwo(this.machine.cpus));
  }

  protected override freeMemory(): void {
    for (const owner of [...this.#blocks.keys()]) this.remove(owner);
  }
}
