import { roundUp } from '../../../bytes/round.ts';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { ACCESS_FLAGS, checkFlags, NUMA_FLAG } from './check.ts';
import { hashKey, sameKey } from './key.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** Bytes of Linux's structs, for the memlock figure: htab without buckets, a bucket, an element without key and value. */
const OVERHEAD = 896;
const BUCKET = 16;
const ELEMENT = 48;
/** Key and value together stay below what kmalloc gives. */
const MAX_ELEMENT = 4 * 1024 * 1024 - ELEMENT;
const MAX_BUCKETS = 2 ** 28 - 1;

/** BPF_MAP_TYPE_HASH. */
export const hash: MapType = {
  name: 'hash',
  type: mapTypeNumber.hash,
  keyless: false,
  integerKey: false,
  check: (attr) =>
    checkFlags(attr.flags, BPF_F_NO_PREALLOC | NUMA_FLAG | ACCESS_FLAGS | BPF_F_ZERO_SEED) || checkSizes(attr),
  create(machine, attr) {
    const layout = layOut(machine, attr);
    const address = machine.memory.alloc(layout.size);
    return address === 0 ? -errno.ENOMEM : new HashMap(machine, attr, address, layout);
  },
};

function checkSizes({ keySize, valueSize, maxEntries }: MapAttr): number {
  if (keySize === 0 || valueSize === 0 || maxEntries === 0) return -errno.EINVAL;
  return keySize + valueSize >= MAX_ELEMENT || bucketCount(maxEntries) > MAX_BUCKETS ? -errno.E2BIG : 0;
}

function bucketCount(maxEntries: number): number {
  return 2 ** Math.ceil(Math.log2(maxEntries));
}

interface Layout {
  readonly buckets: number;
  /** Bytes of an element: its two words, key and value. */
  readonly element: number;
  readonly valueOffset: number;
  /** Elements that have a place from the start; 0 with BPF_F_NO_PREALLOC. */
  readonly places: number;
  /** Bytes of it all. */
  readonly size: number;
}

function layOut(machine: Machine, { keySize, valueSize, maxEntries, flags }: MapAttr): Layout {
  const buckets = bucketCount(maxEntries);
  const valueOffset = KEY + roundUp(keySize, 8);
  const element = valueOffset + roundUp(valueSize, 8);
  // One more for each CPU: replacing a value takes a new element before the old one is free.
  const places = (flags & BPF_F_NO_PREALLOC) !== 0 ? 0 : maxEntries + machine.cpus;
  return { buckets, element, valueOffset, places, size: MAP_HEADER_SIZE + roundUp(4 * buckets, 8) + element * places };
}

// Offsets in an element.
const NEXT = 0;
const HASH = 4;
const KEY = 8;

/**
 * Chains of elements from an array of buckets. In linear memory the buckets follow the header, and the places of the elements follow those
 * (with BPF_F_NO_PREALLOC each element is a block of its own). The type's own fields of the header, a bucket, and an element:
 *
 *      32          36           40       44                 48
 *     ┌───────────┬────────────┬────────┬──────────────────┬────────────────┐
 *     │ buckets   │ buckets -1 │ seed   │ bytes, element   │ value's offset │
 *     └───────────┴────────────┴────────┴──────────────────┴────────────────┘
 *      0                              0             4        8                value's offset
 *     ┌──────────────────────────┐   ┌─────────────┬────────┬────────────────┬───────────────────────┐
 *     │ first element, 0 if none │   │ next, or 0  │ hash   │ key, padded    │ value, padded to 8    │
 *     └──────────────────────────┘   └─────────────┴────────┴────────────────┴───────────────────────┘
 *
 * A new element goes to the front of its chain, and so does one with a new value: as on Linux, a pointer to the old value stays what it was
 * until the place is used again.
 */
export class HashMap extends BpfMap {
  override readonly batch = ['lookup', 'lookup_and_delete', 'update', 'delete'] as const;
  /** A power of two. */
  readonly bucketCount: number;
  readonly #layout: Layout;
  readonly #buckets: number;
  readonly #places: number;
  readonly #seed: number;
  #count = 0;
  /** How many places were ever used; those given back are a list through their `next`. */
  #fresh = 0;
  #free = 0;
  /** BPF_F_NO_PREALLOC: the blocks of the elements. */
  readonly #blocks: Set<number> | undefined;

  constructor(machine: Machine, attr: MapAttr, address: number, layout: Layout) {
    super(machine, attr, address);
    this.#layout = layout;
    this.bucketCount = layout.buckets;
    this.#buckets = address + MAP_HEADER_SIZE;
    this.#places = this.#buckets + roundUp(4 * layout.buckets, 8);
    this.#blocks = layout.places === 0 ? new Set() : undefined;
    this.#seed = (attr.flags & BPF_F_ZERO_SEED) !== 0 ? 0 : machine.random() | 0;
    const words = [this.#buckets, layout.buckets - 1, this.#seed, layout.element, layout.valueOffset];
    words.forEach((word, i) => {
      machine.memory.dv.setInt32(address + 32 + 4 * i, word, true);
    });
  }

  lookup(key: number): number {
    const element = this.#find(key, this.#hash(key));
    return element === 0 ? 0 : element + this.#layout.valueOffset;
  }

  update(key: number, value: number, flags: number): number {
    if (flags > BPF_EXIST) return -errno.EINVAL;
    const code = this.#hash(key);
    const old = this.#find(key, code);
    if (old !== 0 && flags === BPF_NOEXIST) return -errno.EEXIST;
    if (old === 0 && flags === BPF_EXIST) return -errno.ENOENT;
    if (old === 0 && this.#count >= this.attr.maxEntries) return -errno.E2BIG;
    const element = this.#newPlace();
    if (element === 0) return -errno.ENOMEM;
    const { dv, u8 } = this.machine.memory;
    dv.setInt32(element + HASH, code, true);
    u8.copyWithin(element + KEY, key, key + this.attr.keySize);
    u8.copyWithin(element + this.#layout.valueOffset, value, value + this.attr.valueSize);
    const bucket = this.#bucket(code);
    dv.setInt32(element + NEXT, dv.getInt32(bucket, true), true);
    dv.setInt32(bucket, element, true);
    if (old === 0) this.#count++;
    else this.#unlink(old, code);
    return 0;
  }

  delete(key: number): number {
    const code = this.#hash(key);
    const element = this.#find(key, code);
    if (element === 0) return -errno.ENOENT;
    this.#unlink(element, code);
    this.#count--;
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
    for (; element === 0 && bucket < this.bucketCount; bucket++) element = this.#follow(this.#buckets + 4 * bucket);
    if (element === 0) return -errno.ENOENT;
    this.machine.memory.u8.copyWithin(next, element + KEY, element + KEY + this.attr.keySize);
    return 0;
  }

  copyOut(key: number, out: number): number {
    const value = this.lookup(key);
    if (value === 0) return -errno.ENOENT;
    this.machine.memory.u8.copyWithin(out, value, value + this.attr.valueSize);
    return 0;
  }

  override takeOut(key: number, out: number): number {
    return this.copyOut(key, out) || this.delete(key);
  }

  /** Addresses of key and value of each element in a bucket, in the order of its chain: what batches walk. */
  elementsOf(bucket: number): { readonly key: number; readonly value: number }[] {
    const elements = [];
    let element = this.#follow(this.#buckets + 4 * bucket);
    for (let left = this.#count; element !== 0 && left > 0; left--) {
      elements.push({ key: element + KEY, value: element + this.#layout.valueOffset });
      element = this.#follow(element + NEXT);
    }
    return elements;
  }

  memoryUsage(): number {
    const { keySize, valueSize, maxEntries, flags } = this.attr;
    const { cpus } = this.machine;
    const element = ELEMENT + roundUp(keySize, 8) + roundUp(valueSize, 8);
    const elements =
      (flags & BPF_F_NO_PREALLOC) !== 0 ? this.#count * element : element * (maxEntries + cpus) + 8 * cpus;
    return OVERHEAD + BUCKET * this.bucketCount + elements;
  }

  protected override freeMemory(): void {
    for (const block of this.#blocks ?? []) this.machine.memory.free(block);
  }

  #hash(key: number): number {
    return hashKey(this.machine.memory.dv, key, this.attr.keySize, this.#seed);
  }

  #bucket(code: number): number {
    return this.#buckets + 4 * (code & (this.bucketCount - 1));
  }

  /** Address of the element with this key, or 0. */
  #find(key: number, code: number): number {
    const { dv } = this.machine.memory;
    let element = this.#follow(this.#bucket(code));
    for (let left = this.#count; element !== 0 && left > 0; left--) {
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
    const { element: size, places } = this.#layout;
    const known =
      this.#blocks?.has(element) ?? (element >= this.#places && element <= this.#places + size * (places - 1));
    return known ? element : 0;
  }

  #unlink(element: number, code: number): void {
    const { memory } = this.machine;
    let link = this.#bucket(code);
    for (let left = this.#count; left >= 0; left--) {
      const next = this.#follow(link);
      if (next === element || next === 0) break;
      link = next + NEXT;
    }
    memory.dv.setInt32(link, this.#follow(element + NEXT), true);
    if (this.#blocks?.delete(element)) {
      memory.free(element);
      return;
    }
    memory.dv.setInt32(element + NEXT, this.#free, true);
    this.#free = element;
  }

  #newPlace(): number {
    const { memory } = this.machine;
    if (this.#blocks !== undefined) {
      const block = memory.alloc(this.#layout.element);
      if (block !== 0) this.#blocks.add(block);
      return block;
    }
    const place = this.#free;
    if (place !== 0) {
      this.#free = this.#follow(place + NEXT);
      return place;
    }
    return this.#fresh < this.#layout.places ? this.#places + this.#layout.element * this.#fresh++ : 0;
  }
}
