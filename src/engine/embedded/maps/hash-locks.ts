import { CACHE_LINE, type LinearMemory } from '../memory.ts';

/** Locks for the buckets: bucket n has number n modulo this. */
export const STRIPES = 256;
/** Bytes from one lock to the next. */
export const STRIPE = 16;

/**
 * What CPUs need that change a hash map at the same time, in a block of its own:
 *
 *      0                      64                              64 + 64 * cpus
 *     ┌──────────────────────┬───────────────────────────────┬───────────────────────────────────────┐
 *     │ lock of the places,  │ of each CPU the place that    │ locks of the buckets, each 16 bytes   │
 *     │ the count and HAND   │ its next new value takes, or 0│                                       │
 *     └──────────────────────┴───────────────────────────────┴───────────────────────────────────────┘
 *
 * A bucket's lock is a number that each change makes greater by two; it is odd while the bucket is being changed. Who looks for a key takes no lock: what it finds is there,
 * and if it finds nothing although the number has changed meanwhile, it looks again. The lock of the places is 0 or 1, and comes before those of buckets.
 */
export class HashLocks {
  readonly address: number;
  readonly #memory: LinearMemory;
  readonly #cpus: number;

  private constructor(memory: LinearMemory, cpus: number, address: number) {
    this.#memory = memory;
    this.#cpus = cpus;
    this.address = address;
  }

  /** `undefined`: no memory is left. */
  static create(memory: LinearMemory, cpus: number): HashLocks | undefined {
    const address = memory.alloc(CACHE_LINE * (1 + cpus) + STRIPE * STRIPES);
    return address === 0 ? undefined : new HashLocks(memory, cpus, address);
  }

  /** Address of the first CPU's spare place; that of the next is {@link HashLocks.spareStride} bytes on. */
  get spares(): number {
    return this.address + CACHE_LINE;
  }
  get spareStride(): number {
    return CACHE_LINE;
  }
  /** Address of the first bucket's lock. */
  get stripes(): number {
    return this.address + CACHE_LINE * (1 + this.#cpus);
  }

  /** Calls while no other CPU changes the map. */
  exclusively<T>(use: () => T): T {
    return this.#memory.locked(this.address, () => this.#withBuckets(use));
  }

  #withBuckets<T>(use: () => T): T {
    const words = this.#memory.i32;
    const { stripes } = this;
    for (let i = 0; i < STRIPES; i++) {
      const at = (stripes + STRIPE * i) / 4;
      for (;;) {
        const before = Atomics.load(words, at) & ~1;
        if (Atomics.compareExchange(words, at, before, before | 1) === before) break;
      }
    }
    try {
      return use();
    } finally {
      for (let i = 0; i < STRIPES; i++) Atomics.add(words, (stripes + STRIPE * i) / 4, 1);
    }
  }

  /** Takes back the CPUs' spare places. */
  takeSpares(): number[] {
    const { i32 } = this.#memory;
    const taken: number[] = [];
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      const at = (this.spares + CACHE_LINE * cpu) / 4;
      const place = i32[at] ?? 0;
      if (place !== 0) taken.push(place);
      i32[at] = 0;
    }
    return taken;
  }
}
