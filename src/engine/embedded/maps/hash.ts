import { roundUp } from '../../../bytes/round.ts';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { ACCESS_FLAGS, checkFlags, checkPercpuValue, isLocked, NUMA_FLAG, withoutLock } from './check.ts';
import { COUNT, checkHashSizes, FREE, FRESH, HASH, hashMemory, KEY, type Layout, layOut, NEXT } from './hash-layout.ts';
import { HashLocks } from './hash-locks.ts';
import { hashKey, keyFactors, sameKey } from './key.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** BPF_MAP_TYPE_HASH. */
export const hash: MapType = {
  name: 'hash',
  type: mapTypeNumber.hash,
  check: (attr) =>
    checkFlags(attr.flags, BPF_F_NO_PREALLOC | NUMA_FLAG | ACCESS_FLAGS | BPF_F_ZERO_SEED) || checkHashSizes(attr),
  create(machine, attr) {
    // One more for each CPU: replacing a value takes a new element before the old one is free.
    const places = (attr.flags & BPF_F_NO_PREALLOC) !== 0 ? 0 : attr.maxEntries + machine.cpus;
    return createHash(HashMap, machine, attr, layOut(attr, places, 1));
  },
};

/** BPF_MAP_TYPE_PERCPU_HASH. */
export const percpuHash: MapType = {
  name: 'percpu_hash',
  type: mapTypeNumber.percpu_hash,
  check: (attr) =>
    checkFlags(attr.flags, BPF_F_NO_PREALLOC | ACCESS_FLAGS | BPF_F_ZERO_SEED) ||
    checkHashSizes(attr) ||
    checkPercpuValue(attr),
  create(machine, attr) {
    const places = (attr.flags & BPF_F_NO_PREALLOC) !== 0 ? 0 : attr.maxEntries;
    return createHash(HashMap, machine, attr, layOut(attr, places, machine.cpus));
  },
};

/** The map in a block of its own, or -ENOMEM. */
export function createHash(
  Kind: new (machine: Machine, attr: MapAttr, address: number, layout: Layout) => HashMap,
  machine: Machine,
  attr: MapAttr,
  layout: Layout,
): HashMap | number {
  const address = machine.memory.alloc(layout.size);
  return address === 0 ? -errno.ENOMEM : new Kind(machine, attr, address, layout);
}

/**
 * Chains of elements from an array of buckets. In linear memory the buckets follow the header, and the places of the elements follow those
 * (with BPF_F_NO_PREALLOC each element is a block of its own). The type's own fields of the header, a bucket, and an element:
 *
 *      32                 36                   40                44
 *     ┌──────────────────┬────────────────────┬─────────────────┬──────────┐
 *     │ count            │ places ever used   │ first free one  │ see LRU  │
 *     └──────────────────┴────────────────────┴─────────────────┴──────────┘
 *      0                              0             4        8                value's offset
 *     ┌──────────────────────────┐   ┌─────────────┬────────┬────────────────┬───────────────────────┐
 *     │ first element, 0 if none │   │ next, or 0  │ hash   │ key, padded    │ value, padded to 8    │
 *     └──────────────────────────┘   └─────────────┴────────┴────────────────┴───────────────────────┘
 *
 * Free places are a list through their `hash`: whoever comes along a chain on another CPU and stands on one finds on. Compiled programs look up, put in and take out by themselves.
 *
 * Per-CPU maps have a value for each CPU, one after the other. Else a new value comes in a new element at the front of the chain: as on Linux, a
 * pointer to the old value stays what it was until the place is used again.
 */
export class HashMap extends BpfMap {
  override readonly batch = ['lookup', 'lookup_and_delete', 'update', 'delete'] as const;
  /** A power of two. */
  readonly bucketCount: number;
  readonly layout: Layout;
  /** Address of the first place. */
  readonly places: number;
  /** Address of the first bucket. */
  readonly buckets: number;
  /** What the words of keys are multiplied by for their hash. */
  readonly factors: Int32Array;
  /** BPF_F_NO_PREALLOC: the blocks of the elements. */
  readonly #blocks: Set<number> | undefined;
  #locks: HashLocks | undefined;

  constructor(machine: Machine, attr: MapAttr, address: number, layout: Layout) {
    super(machine, attr, address);
    this.layout = layout;
    this.bucketCount = layout.buckets;
    this.buckets = address + MAP_HEADER_SIZE;
    this.places = this.buckets + roundUp(4 * layout.buckets, 8);
    this.#blocks = layout.places === 0 ? new Set() : undefined;
    this.factors = keyFactors(attr.keySize, (attr.flags & BPF_F_ZERO_SEED) !== 0 ? 0 : machine.random() | 0);
  }

  override get userValueSize(): number {
    return this.layout.values === 1 ? this.attr.valueSize : this.layout.values * this.layout.stride;
  }
  /** Never more than there can be, whatever a program has written there. */
  get count(): number {
    return Math.min(this.machine.memory.dv.getUint32(this.address + COUNT, true), this.attr.maxEntries);
  }
  set #count(count: number) {
    this.machine.memory.dv.setUint32(this.address + COUNT, count, true);
  }

  /** For CPUs that change the map at once; `undefined` if no memory is left for that. */
  get locks(): HashLocks | undefined {
    this.#locks ??= HashLocks.create(this.machine.memory, this.machine.cpus);
    return this.#locks;
  }

  /** With all places where the methods of this class look for them. */
  override exclusively<T>(use: () => T): T {
    if (this.#locks === undefined) return use();
    return this.#locks.exclusively(() => {
      this.settle();
      return use();
    });
  }

  override settle(): void {
    for (const place of this.#locks?.takeSpares() ?? []) if (this.#isElement(place)) this.#free(place);
  }

  lookup(key: number): number {
    const element = this.find(key);
    return element === 0 ? 0 : this.valueHere(element);
  }

  update(key: number, value: number, flags: number): number {
    return this.#put(key, value, flags, false);
  }

  override copyIn(key: number, value: number, flags: number, _from: Descriptors): number {
    return this.#put(key, value, flags, this.layout.values > 1);
  }

  #put(key: number, value: number, flags: number, allCpus: boolean): number {
    const how = withoutLock(flags);
    if (how > BPF_EXIST || (isLocked(flags) && !this.copier.has('spin_lock'))) return -errno.EINVAL;
    const code = this.#hash(key);
    const old = this.#find(key, code);
    if (old !== 0 && how === BPF_NOEXIST) return -errno.EEXIST;
    if (old === 0 && how === BPF_EXIST) return -errno.ENOENT;
    // Under its lock a value is written over, where others see it.
    if (old !== 0 && isLocked(flags)) {
      this.copier.write(this.valueHere(old), value);
      return 0;
    }
    if (old !== 0 && !this.layout.replaces) {
      this.#write(old, value, allCpus);
      return 0;
    }
    if (old === 0) {
      const full = this.count >= this.attr.maxEntries ? this.makeRoom() : 0;
      if (full !== 0) return full;
    }
    const element = this.#newPlace();
    if (element === 0) return -errno.ENOMEM;
    const { memory } = this.machine;
    const { dv } = memory;
    dv.setInt32(element + HASH, code, true);
    memory.copy(element + KEY, key, this.attr.keySize);
    if (this.layout.values > 1)
      memory.clear(element + this.layout.valueOffset, this.layout.values * this.layout.stride);
    else this.copier.begin(element + this.layout.valueOffset);
    this.#write(element, value, allCpus);
    const bucket = this.#bucket(code);
    dv.setInt32(element + NEXT, dv.getInt32(bucket, true), true);
    dv.setInt32(bucket, element, true);
    if (old === 0) this.#count = this.count + 1;
    else this.#unlink(old, code);
    return 0;
  }

  /** Writes the values of all CPUs, or the only one or that of the running CPU. */
  #write(element: number, value: number, allCpus: boolean): void {
    const { valueOffset, values, stride } = this.layout;
    const first = allCpus ? element + valueOffset : this.valueHere(element);
    for (let i = 0; i < (allCpus ? values : 1); i++) {
      this.copier.write(first + i * stride, value + i * stride, allCpus ? stride : this.attr.valueSize);
      this.copier.drop(first + i * stride);
    }
  }

  /** Address of the value that a program on the running CPU sees. */
  protected valueHere(element: number): number {
    const { valueOffset, stride, values } = this.layout;
    return element + valueOffset + (values === 1 ? 0 : stride * this.machine.cpu);
  }

  /** Called when a new key comes and the map is full: -errno, or 0 if there is room now. */
  protected makeRoom(): number {
    return -errno.E2BIG;
  }

  /** Called when an element leaves the map: what its value, at this address, stands for may go. */
  protected dropped(_value: number): void {}

  delete(key: number): number {
    const code = this.#hash(key);
    const element = this.#find(key, code);
    if (element === 0) return -errno.ENOENT;
    this.#unlink(element, code);
    this.#count = this.count - 1;
    return 0;
  }

  nextKey(key: number, next: number): number {
    let element = 0;
    let bucket = 0;
    if (key !== 0) {
      const code = this.#hash(key);
      const found = this.#find(key, code);
      if (found !== 0) {
        element = this.#follow(found + NEXT);
        bucket = (code & (this.bucketCount - 1)) + 1;
      }
    }
    for (; element === 0 && bucket < this.bucketCount; bucket++) element = this.#follow(this.buckets + 4 * bucket);
    if (element === 0) return -errno.ENOENT;
    this.machine.memory.copy(next, element + KEY, this.attr.keySize);
    return 0;
  }

  copyOut(key: number, out: number): number {
    const element = this.find(key);
    if (element === 0) return -errno.ENOENT;
    this.show(out, element + this.layout.valueOffset);
    return 0;
  }

  /** Copies the value or values of an element, at this address, as user space sees them. */
  show(out: number, value: number): void {
    const { values, stride } = this.layout;
    const size = values === 1 ? this.attr.valueSize : stride;
    for (let i = 0; i < values; i++) this.copier.show(out + i * stride, value + i * stride, size);
  }

  override takeOut(key: number, out: number): number {
    return this.copyOut(key, out) || this.delete(key);
  }

  /** Addresses of key and value of each element in a bucket, in the order of its chain: what batches walk. */
  elementsOf(bucket: number): { readonly key: number; readonly value: number }[] {
    const elements = [];
    let element = this.#follow(this.buckets + 4 * bucket);
    for (let left = this.count; element !== 0 && left > 0; left--) {
      elements.push({ key: element + KEY, value: element + this.layout.valueOffset });
      element = this.#follow(element + NEXT);
    }
    return elements;
  }

  /** Elements that go while the map is walked are not visited. */
  override forEach(_room: number, visit: (key: number, value: number) => boolean): 'visited' {
    for (let bucket = 0; bucket < this.bucketCount; bucket++) {
      for (const { key } of this.elementsOf(bucket)) {
        const element = key - KEY;
        if (this.find(key) === element && !visit(key, this.valueHere(element))) return 'visited';
      }
    }
    return 'visited';
  }

  memoryUsage(): number {
    return hashMemory(
      this.attr,
      this.layout,
      this.#blocks === undefined ? this.layout.places : this.count,
      this.machine.cpus,
    );
  }

  override valueAround(address: number): number {
    const { element: size, valueOffset, values, stride } = this.layout;
    const places = this.#blocks ?? [this.places + size * Math.floor((address - this.places) / size)];
    for (const element of places) {
      const into = address - element - valueOffset;
      if (into >= 0 && into < values * stride && this.#isElement(element)) return address - (into % stride);
    }
    return 0;
  }

  override keyOf(value: number): number {
    return value - this.layout.valueOffset + KEY;
  }

  #dropFields(element: number): void {
    if (this.copier.fields.length === 0) return;
    const { valueOffset, values, stride } = this.layout;
    for (let i = 0; i < values; i++) this.copier.drop(element + valueOffset + i * stride);
  }

  protected override freeMemory(): void {
    this.machine.memory.free(this.#locks?.address ?? 0);
    for (let place = 0; place < this.layout.places; place++)
      this.#dropFields(this.places + place * this.layout.element);
    for (const block of this.#blocks ?? []) this.#dropFields(block);
    for (const block of this.#blocks ?? []) this.machine.memory.free(block);
  }

  #hash(key: number): number {
    return hashKey(this.machine.memory.dv, key, this.attr.keySize, this.factors);
  }

  #bucket(code: number): number {
    return this.buckets + 4 * (code & (this.bucketCount - 1));
  }

  /** Address of the element with this key, or 0. */
  protected find(key: number): number {
    return this.#find(key, this.#hash(key));
  }

  #find(key: number, code: number): number {
    const { dv } = this.machine.memory;
    let element = this.#follow(this.#bucket(code));
    for (let left = this.count; element !== 0 && left > 0; left--) {
      if (dv.getInt32(element + HASH, true) === code && sameKey(dv, key, element + KEY, this.attr.keySize))
        return element;
      element = this.#follow(element + NEXT);
    }
    return 0;
  }

  /**
   * The element that the link at `at` leads to, or 0. A program can write over links, so they are believed only if they lead to an element;
   * and no chain is walked further than there are elements.
   */
  #follow(at: number): number {
    const element = this.machine.memory.dv.getInt32(at, true);
    if (element === 0) return 0;
    return this.#isElement(element) ? element : 0;
  }

  #isElement(element: number): boolean {
    const { element: size, places } = this.layout;
    return this.#blocks?.has(element) ?? (element >= this.places && element <= this.places + size * (places - 1));
  }

  #unlink(element: number, code: number): void {
    const { memory } = this.machine;
    let link = this.#bucket(code);
    for (let left = this.count; left >= 0; left--) {
      const next = this.#follow(link);
      if (next === element || next === 0) break;
      link = next + NEXT;
    }
    memory.dv.setInt32(link, this.#follow(element + NEXT), true);
    this.dropped(element + this.layout.valueOffset);
    this.#dropFields(element);
    if (this.#blocks?.delete(element)) {
      memory.free(element);
      return;
    }
    this.#free(element);
  }

  #free(place: number): void {
    const { dv } = this.machine.memory;
    dv.setInt32(place + HASH, dv.getInt32(this.address + FREE, true), true);
    dv.setInt32(this.address + FREE, place, true);
  }

  #newPlace(): number {
    const { memory } = this.machine;
    if (this.#blocks !== undefined) {
      const block = memory.alloc(this.layout.element);
      if (block !== 0) this.#blocks.add(block);
      return block;
    }
    const { dv } = memory;
    const place = this.#follow(this.address + FREE);
    if (place !== 0) {
      dv.setInt32(this.address + FREE, this.#follow(place + HASH), true);
      return place;
    }
    const fresh = dv.getUint32(this.address + FRESH, true);
    if (fresh >= this.layout.places) return 0;
    dv.setUint32(this.address + FRESH, fresh + 1, true);
    return this.places + this.layout.element * fresh;
  }
}
