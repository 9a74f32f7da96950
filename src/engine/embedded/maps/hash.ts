import { roundUp } from '../../../bytes/round.ts';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { APART } from '../memory.ts';
import { ACCESS_FLAGS, checkFlags, checkPercpuValue, isLocked, NUMA_FLAG, withoutLock } from './check.ts';
import { BUCKET_LOCK, HashBuckets } from './hash-buckets.ts';
import { bucketBytes, checkHashSizes, FIRST, HASH, hashMemory, KEY, type Layout, layOut, NEXT } from './hash-layout.ts';
import { HashPlaces } from './hash-places.ts';
import { hashKey, keyFactors, sameKey } from './key.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** BPF_MAP_TYPE_HASH. */
export const hash: MapType = {
  name: 'hash',
  type: mapTypeNumber.hash,
  check: (attr) =>
    checkFlags(attr.flags, BPF_F_NO_PREALLOC | NUMA_FLAG | ACCESS_FLAGS | BPF_F_ZERO_SEED) || checkHashSizes(attr),
  create: (machine, attr) =>
    createHash(HashMap, machine, attr, layOut(attr, isPreallocated(attr), { cpus: machine.cpus })),
};

/** BPF_MAP_TYPE_PERCPU_HASH. */
export const percpuHash: MapType = {
  name: 'percpu_hash',
  type: mapTypeNumber.percpu_hash,
  check: (attr) =>
    checkFlags(attr.flags, BPF_F_NO_PREALLOC | ACCESS_FLAGS | BPF_F_ZERO_SEED) ||
    checkHashSizes(attr) ||
    checkPercpuValue(attr),
  create: (machine, attr) =>
    createHash(HashMap, machine, attr, layOut(attr, isPreallocated(attr), { cpus: machine.cpus, percpu: true })),
};

export function isPreallocated({ flags }: MapAttr): boolean {
  return (flags & BPF_F_NO_PREALLOC) === 0;
}

/** The map in a block of its own, or -ENOMEM. */
export function createHash(
  Kind: new (machine: Machine, attr: MapAttr, address: number, layout: Layout) => HashMap,
  machine: Machine,
  attr: MapAttr,
  layout: Layout,
): HashMap | number {
  const address = machine.memory.alloc(layout.size);
  if (address === 0) return -errno.ENOMEM;
  const map = new Kind(machine, attr, address, layout);
  if (!machine.spread || map.spread()) return map;
  map.put();
  return -errno.ENOMEM;
}

/**
 * Chains of elements from an array of buckets. In linear memory follow each other the header, what each CPU has of the places (`HashPlaces`), the buckets, and the places of the elements
 * (with BPF_F_NO_PREALLOC each element is a block of its own). A bucket once several CPUs run (until then it is the first word alone), and an element:
 *
 *      0                          4       8       0             4        8                value's offset
 *     ┌──────────────────────────┬───────┐       ┌─────────────┬────────┬────────────────┬───────────────────────┐
 *     │ first element, 0 if none │ lock  │       │ next, or 0  │ hash   │ key, padded    │ value, padded to 8    │
 *     └──────────────────────────┴───────┘       └─────────────┴────────┴────────────────┴───────────────────────┘
 *
 * The lock is a number that each change of the chain makes greater by two where several CPUs run; it is odd meanwhile. Compiled programs look up, put in and take out by themselves. Who looks for a key
 * takes no lock there: what it finds is there, and if it finds nothing although the number has changed meanwhile, it looks again.
 *
 * Per-CPU maps have a value for each CPU, one after the other. Else a new value comes in a new element at the front of the chain: as on Linux, a
 * pointer to the old value stays what it was until the place is used again.
 */
export class HashMap extends BpfMap {
  override readonly batch = ['lookup', 'lookup_and_delete', 'update', 'delete'] as const;
  readonly layout: Layout;
  /** Address of the first place. */
  readonly places: number;
  /** What the words of keys are multiplied by for their hash. */
  readonly factors: Int32Array;
  /** BPF_F_NO_PREALLOC: the blocks of the elements. */
  readonly #blocks: Set<number> | undefined;
  readonly #free: HashPlaces;
  readonly buckets: HashBuckets;

  constructor(machine: Machine, attr: MapAttr, address: number, layout: Layout) {
    super(machine, attr, address);
    this.layout = layout;
    const free = roundUp(address + MAP_HEADER_SIZE, APART);
    const buckets = free + APART * machine.cpus;
    this.buckets = new HashBuckets(machine, layout, address, buckets);
    this.places = buckets + bucketBytes(layout.buckets);
    this.#free = new HashPlaces(machine, layout, free, this.places);
    this.#blocks = layout.places === 0 ? new Set() : undefined;
    this.factors = keyFactors(attr.keySize, (attr.flags & BPF_F_ZERO_SEED) !== 0 ? 0 : machine.random() | 0);
  }

  override get userValueSize(): number {
    return this.layout.values === 1 ? this.attr.valueSize : this.layout.values * this.layout.stride;
  }
  /** Elements that are in the map. */
  get count(): number {
    return this.#blocks?.size ?? this.#free.count;
  }
  get bucketCount(): number {
    return this.buckets.count;
  }
  /** Address of what each CPU has of the places. */
  get shares(): number {
    return this.#free.address;
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
    for (;;) {
      const done = this.#alone(code, () => {
        const old = this.#find(key, code);
        if (old === 0) return how === BPF_EXIST ? -errno.ENOENT : undefined;
        return how === BPF_NOEXIST ? -errno.EEXIST : this.#renew(old, code, key, value, isLocked(flags), allCpus);
      });
      if (done !== undefined) return done;
      const element = this.#takePlace();
      if (element < 0) return element;
      const isNew = this.#alone(code, () => {
        if (this.machine.sharing && this.#find(key, code) !== 0) return false;
        this.#enter(element, code, key, value, allCpus);
        return true;
      });
      this.#free.add(1);
      if (isNew) return 0;
      // Another CPU was faster.
      this.#release(element);
    }
  }

  /** Gives an element another value. `inPlace`: under the value's lock it is written over, where others see it. */
  #renew(old: number, code: number, key: number, value: number, inPlace: boolean, allCpus: boolean): number {
    if (inPlace) {
      this.copier.write(this.valueHere(old), value);
      return 0;
    }
    if (!this.layout.replaces) {
      this.#write(old, value, allCpus);
      return 0;
    }
    const element = this.#blocks === undefined ? this.#free.takeSpare(old) : this.#newBlock();
    if (element === 0) return -errno.ENOMEM;
    this.#enter(element, code, key, value, allCpus);
    this.#unlink(old, code);
    if (this.#blocks !== undefined) this.#freeBlock(old);
    return 0;
  }

  /** Puts what is in a place now at the front of its chain. */
  #enter(element: number, code: number, key: number, value: number, allCpus: boolean): void {
    const { memory } = this.machine;
    const { dv } = memory;
    dv.setInt32(element + HASH, code, true);
    memory.copy(element + KEY, key, this.attr.keySize);
    if (this.layout.values > 1)
      memory.clear(element + this.layout.valueOffset, this.layout.values * this.layout.stride);
    else this.copier.begin(element + this.layout.valueOffset);
    this.#write(element, value, allCpus);
    this.#link(element, code);
  }

  /** Puts an element at the front of its chain. */
  #link(element: number, code: number): void {
    const { dv } = this.machine.memory;
    const bucket = this.buckets.of(code);
    dv.setInt32(element + NEXT, dv.getInt32(bucket + FIRST, true), true);
    dv.setInt32(bucket + FIRST, element, true);
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

  /** Called when a new key comes and the map is full: the place of an element that was taken out, or -errno. */
  protected makeRoom(): number {
    return -errno.E2BIG;
  }

  /** Called when an element leaves the map: what its value, at this address, stands for may go. */
  protected dropped(_value: number): void {}

  delete(key: number): number {
    const element = this.#takeOut(key);
    if (element === 0) return -errno.ENOENT;
    this.#release(element);
    return 0;
  }

  /** Takes the element with a key out of the map, if it is this one: whether it was. Its place is the caller's. */
  protected takeOutElement(element: number): boolean {
    const isOut = this.#takeOut(element + KEY, element) !== 0;
    if (isOut) this.#free.add(-1);
    return isOut;
  }
  /** The place that comes next of all. */
  protected nextPlace(): number {
    return this.#free.passHand();
  }

  #takeOut(key: number, only?: number): number {
    const code = this.#hash(key);
    return this.#alone(code, () => {
      const element = this.#find(key, code);
      if (element === 0 || (only !== undefined && only !== element)) return 0;
      this.#unlink(element, code);
      return element;
    });
  }

  nextKey(key: number, next: number): number {
    let element = 0;
    let bucket = 0;
    if (key !== 0) {
      const code = this.#hash(key);
      const found = this.#find(key, code);
      if (found !== 0) {
        element = this.#follow(found + NEXT);
        bucket = this.buckets.indexOf(code) + 1;
      }
    }
    for (; element === 0 && bucket < this.bucketCount; bucket++)
      element = this.#follow(this.buckets.at(bucket) + FIRST);
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
    let element = this.#follow(this.buckets.at(bucket) + FIRST);
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
      const isElement = this.#blocks !== undefined || this.#free.isPlace(element);
      if (into >= 0 && into < values * stride && isElement) return address - (into % stride);
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
    for (let place = 0; place < this.layout.places; place++)
      this.#dropFields(this.places + place * this.layout.element);
    for (const block of this.#blocks ?? []) this.#dropFields(block);
    for (const block of this.#blocks ?? []) this.machine.memory.free(block);
    this.buckets.free();
  }

  /** Prepares the map for several CPUs; see `HashBuckets`. False where there is no memory for that. Walks that have begun may miss elements, as where elements come and go. */
  override spread(): boolean {
    if (this.buckets.areSpread) return true;
    const firsts = Array.from({ length: this.buckets.count }, (_, i) => this.buckets.at(i));
    if (!this.buckets.spread()) return false;
    const { dv } = this.machine.memory;
    let left = this.count;
    for (const first of firsts) {
      for (let element = this.#follow(first); element !== 0 && left > 0; left--) {
        const next = this.#follow(element + NEXT);
        this.#link(element, dv.getInt32(element + HASH, true));
        element = next;
      }
    }
    return true;
  }

  #hash(key: number): number {
    return hashKey(this.machine.memory.dv, key, this.attr.keySize, this.factors);
  }

  /** Calls while no other CPU changes the chain of a hash. */
  #alone<T>(code: number, use: () => T): T {
    const { memory, sharing } = this.machine;
    if (!sharing) return use();
    const { i32 } = memory;
    const at = (this.buckets.of(code) + BUCKET_LOCK) / 4;
    let before: number;
    do before = Atomics.load(i32, at) & ~1;
    while (Atomics.compareExchange(i32, at, before, before | 1) !== before);
    try {
      return use();
    } finally {
      Atomics.store(i32, at, before + 2);
    }
  }

  /** Address of the element with this key, or 0. */
  protected find(key: number): number {
    const code = this.#hash(key);
    return this.#alone(code, () => this.#find(key, code));
  }

  #find(key: number, code: number): number {
    const { dv } = this.machine.memory;
    let element = this.#follow(this.buckets.of(code) + FIRST);
    for (let left = this.#longest; element !== 0 && left > 0; left--) {
      if (dv.getInt32(element + HASH, true) === code && sameKey(dv, key, element + KEY, this.attr.keySize))
        return element;
      element = this.#follow(element + NEXT);
    }
    return 0;
  }

  /** Elements that a chain has at most. */
  get #longest(): number {
    return this.machine.sharing ? this.attr.maxEntries + this.machine.cpus : this.count;
  }

  /**
   * The element that the link at `at` leads to, or 0. A program can write over links, so they are believed only if they lead to an element;
   * and no chain is walked further than there are elements.
   */
  #follow(at: number): number {
    if (this.#blocks === undefined) return this.#free.placeAt(at);
    const block = this.machine.memory.dv.getInt32(at, true);
    return this.#blocks.has(block) ? block : 0;
  }

  #unlink(element: number, code: number): void {
    const { memory } = this.machine;
    let link = this.buckets.of(code) + FIRST;
    for (let left = this.#longest; left >= 0; left--) {
      const next = this.#follow(link);
      if (next === element || next === 0) break;
      link = next + NEXT;
    }
    memory.dv.setInt32(link, this.#follow(element + NEXT), true);
    this.dropped(element + this.layout.valueOffset);
    this.#dropFields(element);
  }

  /** A place that no element has, or -errno. */
  #takePlace(): number {
    if (this.#blocks === undefined) return this.#free.take() || this.makeRoom();
    if (this.#blocks.size >= this.attr.maxEntries) return -errno.E2BIG;
    return this.#newBlock() || -errno.ENOMEM;
  }

  /** Gives back the place of what was an element. */
  #release(element: number): void {
    this.#free.add(-1);
    if (this.#blocks === undefined) this.#free.give(element);
    else this.#freeBlock(element);
  }

  #newBlock(): number {
    const block = this.machine.memory.alloc(this.layout.element);
    if (block !== 0) this.#blocks?.add(block);
    return block;
  }
  #freeBlock(block: number): void {
    if (this.#blocks?.delete(block)) this.machine.memory.free(block);
  }
}
