import type { Machine } from '../machine.ts';
import { type Layout, LINK, spreadBuckets } from './hash-layout.ts';

// Words of a map's header that say where a hash leads: what it is masked with is the bucket's offset from the first.
export const BUCKETS = 32;
export const BUCKET_MASK = 36;

/** Of a bucket: what leads to its first element. Of one that is spread: its lock, and bytes to the next. */
export const FIRST = 0;
export const BUCKET_LOCK = 4;
const SPREAD_BUCKET = 8;

/**
 * Where the chains of a hash map begin. As long as one CPU runs at a time a bucket is the link to its first element, and there are as many as elements, close together. Once
 * several CPUs run, the buckets are spread: each has its lock beside it, and while they are few there are several for an element, since who changes a chain writes into its bucket.
 */
export class HashBuckets {
  readonly #machine: Machine;
  readonly #layout: Layout;
  /** Address of the map's header. */
  readonly #header: number;
  #first: number;
  #size = LINK;
  /** A power of two. */
  #count: number;
  /** Address of the block of those that are spread, or 0. */
  #block = 0;

  constructor(machine: Machine, layout: Layout, header: number, first: number) {
    this.#machine = machine;
    this.#layout = layout;
    this.#header = header;
    this.#first = first;
    this.#count = layout.buckets;
    this.#tell();
  }

  get count(): number {
    return this.#count;
  }
  get areSpread(): boolean {
    return this.#block !== 0;
  }

  /** Address of a bucket. */
  at(index: number): number {
    return this.#first + this.#size * index;
  }
  /** Address of the bucket of a hash. */
  of(hash: number): number {
    return this.#first + ((hash & this.mask) >>> 0);
  }
  indexOf(hash: number): number {
    return ((hash & this.mask) >>> 0) / this.#size;
  }

  /** Makes room for spread buckets, which are empty: whether there was any. */
  spread(): boolean {
    const count = spreadBuckets(this.#layout);
    this.#block = this.#machine.memory.alloc(SPREAD_BUCKET * count);
    if (this.#block === 0) return false;
    [this.#first, this.#size, this.#count] = [this.#block, SPREAD_BUCKET, count];
    this.#tell();
    return true;
  }

  free(): void {
    if (this.#block !== 0) this.#machine.memory.free(this.#block);
  }

  /** Address of the first. */
  get first(): number {
    return this.#first;
  }
  /** What a hash is masked with for the offset of its bucket. */
  get mask(): number {
    return this.#size * (this.#count - 1);
  }
  #tell(): void {
    const { dv } = this.#machine.memory;
    dv.setUint32(this.#header + BUCKETS, this.#first, true);
    dv.setUint32(this.#header + BUCKET_MASK, this.mask, true);
  }
}
