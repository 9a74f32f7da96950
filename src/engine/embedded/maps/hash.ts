import { roundUp } from '../../../bytes/round.ts';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { APART } from '../memory.ts';
import { ACCESS_FLAGS, checkFlags, checkPercpuValue, isLocked, NUMA_FLAG, withoutLock } from './check.ts';
import { HashBlocks } from './hash-blocks.ts';
import { BUCKET_LOCK, FIRST, HashBuckets } from './hash-buckets.ts';
import { checkHashSizes, HASH, hashMemory, KEY, type Layout, LINK, layOut, wordsBytes } from './hash-layout.ts';
import { HashPlaces, type Places } from './hash-places.ts';
import { hashKey, keyFactors, sameKey } from './key.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** BPF_MAP_TYPE_HASH. */
export const hash: MapType = {
  name: 'hash',
  type: mapTypeNumber.hash,
  check: (attr) =>
    checkFlags(attr.flags, BPF_F_NO_PREALLOC | NUMA_FLAG | ACCESS_FLAGS | BPF_F_ZERO_SEED) || checkHashSizes(attr),
  create: (machine, attr) => createHash(HashMap, machine, attr, layOut(attr, { cpus: machine.cpus })),
};

/** BPF_MAP_TYPE_PERCPU_HASH. */
export const percpuHash: MapType = {
  name: 'percpu_hash',
  type: mapTypeNumber.percpu_hash,
  check: (attr) =>
    checkFlags(attr.flags, BPF_F_NO_PREALLOC | ACCESS_FLAGS | BPF_F_ZERO_SEED) ||
    checkHashSizes(attr) ||
    checkPercpuValue(attr),
  create: (machine, attr) => createHash(HashMap, machine, attr, layOut(attr, { cpus: machine.cpus, percpu: true })),
};

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
 * Chains of elements from an array of buckets. In linear memory follow each other the header, what each CPU has of the places (`HashPlaces`), the buckets, the links, and the elements
 * (of large maps with BPF_F_NO_PREALLOC their addresses: `HashBlocks`). A bucket once several CPUs run (until then it is the first word alone), a link, and an element:
 *
 *      0          4       8       0                                  32       0        4         8                value's offset
 *     ┌──────────┬───────┐       ┌─────────────────┬────────────────┐       ┌────────┬─────────┬────────────────┬───────────────────────┐
 *     │ link to  │ lock  │       │ place of an     │ the rest: of   │       │ hash   │ of LRU: │ key, padded    │ value, padded to 8    │
 *     │ first    │       │       │ element, 0: end │ its hash       │       │        │ state   │                │                       │
 *     └──────────┴───────┘       └─────────────────┴────────────────┘       └────────┴─────────┴────────────────┴───────────────────────┘
 *
 * There is a link for each place, to the next in its chain. What they say of the hash tells which elements are worth looking at: others, which CPUs may be writing, nobody touches on the way.
 *
 * The lock is a number that each change of the chain makes greater by two where several CPUs run; it is odd meanwhile. Compiled programs look up, put in and take out by themselves. Who looks for a key
 * takes no lock there: what it finds is there, and if it finds nothing although the number has changed meanwhile, it looks again.
 *
 * Per-CPU maps have a value for each CPU, one after the other. Else a new value comes in a new element, in the old one's place in the chain: as on Linux, a
 * pointer to the old value stays what it was until the memory is used again.
 */
export class HashMap extends BpfMap {
  override readonly batch = ['lookup', 'lookup_and_delete', 'update', 'delete'] as const;
  readonly layout: Layout;
  readonly buckets: HashBuckets;
  /** Address of the links: that of a place is behind as many words. */
  readonly links: number;
  /** Address of what would be the element at place 0; where it is a block, of the word with its address. */
  readonly zeroth: number;
  /** Address of what each CPU has of the places. */
  readonly shares: number;
  /** What the words of keys are multiplied by for their hash. */
  readonly factors: Int32Array;
  readonly #places: Places;

  constructor(machine: Machine, attr: MapAttr, address: number, layout: Layout) {
    super(machine, attr, address);
    this.layout = layout;
    this.shares = roundUp(address + MAP_HEADER_SIZE, APART);
    const buckets = this.shares + APART * machine.cpus;
    this.buckets = new HashBuckets(machine, layout, address, buckets);
    this.links = buckets + wordsBytes(layout.buckets);
    const elements = this.links + wordsBytes(1 + layout.places);
    this.zeroth = layout.blocks ? elements : elements - layout.element;
    this.#places = layout.blocks
      ? new HashBlocks(machine, layout, attr.maxEntries, this.zeroth)
      : new HashPlaces(machine, layout, this.shares, this.zeroth);
    this.factors = keyFactors(attr.keySize, (attr.flags & BPF_F_ZERO_SEED) !== 0 ? 0 : machine.random() | 0);
  }

  override get userValueSize(): number {
    return this.layout.values === 1 ? this.attr.valueSize : this.layout.values * this.layout.stride;
  }
  /** Elements that are in the map. */
  get count(): number {
    return this.#places.count;
  }
  get bucketCount(): number {
    return this.buckets.count;
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
        const link = this.#linkTo(key, code);
        if (link === 0) return how === BPF_EXIST ? -errno.ENOENT : undefined;
        return how === BPF_NOEXIST ? -errno.EEXIST : this.#renew(link, code, key, value, isLocked(flags), allCpus);
      });
      if (done !== undefined) return done;
      const place = this.#takePlace();
      if (place < 0) return place;
      const isNew = this.#alone(code, () => {
        if (this.machine.sharing && this.#linkTo(key, code) !== 0) return false;
        this.#fill(place, code, key, value, allCpus);
        this.#enter(place, code);
        return true;
      });
      this.#places.add(1);
      if (isNew) return 0;
      // Another CPU was faster.
      this.#release(place);
    }
  }

  /** Gives the element that a link leads to another value. `inPlace`: under the value's lock it is written over, where others see it. */
  #renew(link: number, code: number, key: number, value: number, inPlace: boolean, allCpus: boolean): number {
    const old = this.#placeAt(link);
    const element = this.#places.at(old);
    if (inPlace) {
      this.copier.write(this.valueHere(element), value);
      return 0;
    }
    if (!this.layout.replaces) {
      this.#write(element, value, allCpus);
      return 0;
    }
    const place = this.#places.takeSpare();
    if (place < 0) return place;
    this.#fill(place, code, key, value, allCpus);
    this.#follow(place, this.#linkOf(old));
    this.#lead(link, place, code);
    this.#gone(element);
    this.#places.giveSpare(old);
    return 0;
  }

  /** Makes an element at a place. */
  #fill(place: number, code: number, key: number, value: number, allCpus: boolean): void {
    const { memory } = this.machine;
    const element = this.#places.at(place);
    memory.dv.setInt32(element + HASH, code, true);
    memory.copy(element + KEY, key, this.attr.keySize);
    if (this.layout.values > 1)
      memory.clear(element + this.layout.valueOffset, this.layout.values * this.layout.stride);
    else this.copier.begin(element + this.layout.valueOffset);
    this.#write(element, value, allCpus);
  }

  /** Puts the element at a place at the front of its chain. */
  #enter(place: number, code: number): void {
    const bucket = this.buckets.of(code) + FIRST;
    this.#follow(place, bucket);
    this.#lead(bucket, place, code);
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
    const place = this.#takeOut(key);
    if (place === 0) return -errno.ENOENT;
    this.#release(place);
    return 0;
  }

  /** Takes the element at a place out of the map, if there is one: whether there was. The place is the caller's. */
  protected takeOutAt(place: number): boolean {
    const isOut = this.#takeOut(this.#places.at(place) + KEY, place) !== 0;
    if (isOut) this.#places.add(-1);
    return isOut;
  }
  /** The place that comes next of all, and the address of its element. */
  protected nextPlace(): { readonly place: number; readonly element: number } {
    const place = this.#places instanceof HashPlaces ? this.#places.passHand() : 0;
    return { place, element: this.#places.at(place) };
  }

  #takeOut(key: number, only?: number): number {
    const code = this.#hash(key);
    return this.#alone(code, () => {
      const link = this.#linkTo(key, code);
      const place = link && this.#placeAt(link);
      if (place === 0 || (only !== undefined && only !== place)) return 0;
      const { dv } = this.machine.memory;
      dv.setInt32(link, dv.getInt32(this.#linkOf(place), true), true);
      this.#gone(this.#places.at(place));
      return place;
    });
  }

  /** An element has left its chain. */
  #gone(element: number): void {
    this.dropped(element + this.layout.valueOffset);
    this.#dropFields(element);
  }

  nextKey(key: number, next: number): number {
    let place = 0;
    let bucket = 0;
    if (key !== 0) {
      const code = this.#hash(key);
      const link = this.#linkTo(key, code);
      if (link !== 0) {
        place = this.#placeAt(this.#linkOf(this.#placeAt(link)));
        bucket = this.buckets.indexOf(code) + 1;
      }
    }
    for (; place === 0 && bucket < this.bucketCount; bucket++) place = this.#placeAt(this.buckets.at(bucket) + FIRST);
    if (place === 0) return -errno.ENOENT;
    this.machine.memory.copy(next, this.#places.at(place) + KEY, this.attr.keySize);
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
    let place = this.#placeAt(this.buckets.at(bucket) + FIRST);
    for (let left = this.count; place !== 0 && left > 0; left--) {
      const element = this.#places.at(place);
      elements.push({ key: element + KEY, value: element + this.layout.valueOffset });
      place = this.#placeAt(this.#linkOf(place));
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
    return hashMemory(this.attr, this.layout, this.count, this.machine.cpus);
  }

  override valueAround(address: number): number {
    const { element: size, valueOffset, values, stride, blocks } = this.layout;
    const near = blocks ? this.#places.taken() : [Math.floor((address - this.zeroth) / size)];
    for (const place of near) {
      const into = address - this.#places.at(place) - valueOffset;
      if (into >= 0 && into < values * stride && this.#places.has(place)) return address - (into % stride);
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
    for (const place of this.#places.taken()) {
      this.#dropFields(this.#places.at(place));
      if (this.layout.blocks) this.#places.give(place);
    }
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
      for (let place = this.#placeAt(first); place !== 0 && left > 0; left--) {
        const next = this.#placeAt(this.#linkOf(place));
        this.#enter(place, dv.getInt32(this.#places.at(place) + HASH, true));
        place = next;
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
    const place = this.#alone(code, () => {
      const link = this.#linkTo(key, code);
      return link && this.#placeAt(link);
    });
    return place === 0 ? 0 : this.#places.at(place);
  }

  /** Address of the link that leads to the element with this key, or 0. */
  #linkTo(key: number, code: number): number {
    const { dv } = this.machine.memory;
    let link = this.buckets.of(code) + FIRST;
    for (let left = this.#longest; left > 0; left--) {
      const place = this.#placeAt(link);
      if (place === 0) return 0;
      const isLike = (dv.getInt32(link, true) ^ code) >>> 0 <= this.layout.placeMask;
      if (isLike && sameKey(dv, key, this.#places.at(place) + KEY, this.attr.keySize)) return link;
      link = this.#linkOf(place);
    }
    return 0;
  }

  /** Elements that a chain has at most. */
  get #longest(): number {
    return this.machine.sharing ? this.layout.places : this.count;
  }

  /** Address of the link that leads on from a place. */
  #linkOf(place: number): number {
    return this.links + LINK * place;
  }

  /**
   * The place that the link at this address leads to, or 0. A program can write over links, so they are believed only if they lead to an element;
   * and no chain is walked further than there are elements.
   */
  #placeAt(link: number): number {
    const place = this.machine.memory.dv.getInt32(link, true) & this.layout.placeMask;
    return this.#places.has(place) ? place : 0;
  }

  /** Lets a link lead to a place. */
  #lead(link: number, place: number, code: number): void {
    this.machine.memory.dv.setInt32(link, (code & ~this.layout.placeMask) | place, true);
  }
  /** Behind a place comes what a link leads to. */
  #follow(place: number, link: number): void {
    const { dv } = this.machine.memory;
    dv.setInt32(this.#linkOf(place), dv.getInt32(link, true), true);
  }

  /** A place that no element has, or -errno. */
  #takePlace(): number {
    return this.#places.take() || this.makeRoom();
  }

  /** Gives back the place of what was an element. */
  #release(place: number): void {
    this.#places.add(-1);
    this.#places.give(place);
  }
}
