import { PAGE_SIZE, type PageRuns } from './page-runs.ts';

/** Block sizes: four steps to each doubling, so that at most a fifth of a block is lost. */
// biome-ignore format: aligned table
const SIZES = [
    16,   32,   48,   64,   80,   96,  112,  128,
   160,  192,  224,  256,  320,  384,  448,  512,
   640,  768,  896, 1024, 1280, 1536, 1792, 2048,
] as const;
const SLAB_PAGES = 4;

/** Largest size that slabs are for. */
export const MAX_SMALL = 2048;

interface Slab {
  readonly base: number;
  readonly size: number;
  /** Indexes of the free blocks; the first `freeCount` count. */
  readonly free: Uint16Array;
  freeCount: number;
  /** By index: 1 if taken. */
  readonly taken: Uint8Array;
}

/** Small blocks: each slab is a run of pages cut into blocks of one size. A slab without a taken block gives its pages back. */
export class Slabs {
  readonly #pages: PageRuns;
  readonly #byPage = new Map<number, Slab>();
  /** By index into SIZES: the slabs that have a free block. */
  readonly #open: readonly Set<Slab>[] = SIZES.map(() => new Set());

  constructor(pages: PageRuns) {
    this.#pages = pages;
  }

  /** Address of a block of at least `size` bytes, or 0 if there are no pages for another slab. */
  take(size: number): number {
    const kind = SIZES.findIndex((step) => step >= size);
    const open = this.#open[kind] ?? new Set();
    const slab = first(open) ?? this.#newSlab(SIZES[kind] ?? MAX_SMALL, open);
    if (slab === undefined) return 0;
    slab.freeCount--;
    const index = slab.free[slab.freeCount] ?? 0;
    if (slab.freeCount === 0) open.delete(slab);
    slab.taken[index] = 1;
    return slab.base + index * slab.size;
  }

  /** Whether the page of this address is cut into small blocks. */
  owns(address: number): boolean {
    return this.#byPage.has(Math.floor(address / PAGE_SIZE));
  }

  /** Bytes of the taken block at `address`; 0 if there is none. */
  sizeAt(address: number): number {
    const slab = this.#byPage.get(Math.floor(address / PAGE_SIZE));
    if (slab === undefined) return 0;
    const offset = address - slab.base;
    return offset % slab.size === 0 && slab.taken[offset / slab.size] === 1 ? slab.size : 0;
  }

  /** Gives back a block for which {@link Slabs.sizeAt} is not 0. */
  release(address: number): void {
    const slab = this.#byPage.get(Math.floor(address / PAGE_SIZE));
    if (slab === undefined) return;
    const index = (address - slab.base) / slab.size;
    slab.taken[index] = 0;
    slab.free[slab.freeCount++] = index;
    const open = this.#open[SIZES.findIndex((step) => step === slab.size)];
    open?.add(slab);
    // One slab of each size stays, for those who take and release a block in turns.
    if (slab.freeCount === slab.taken.length && open !== undefined && open.size > 1) this.#dropSlab(slab, open);
  }

  #newSlab(size: number, open: Set<Slab>): Slab | undefined {
    const page = this.#pages.take(SLAB_PAGES);
    if (page === undefined) return undefined;
    const count = Math.floor((SLAB_PAGES * PAGE_SIZE) / size);
    const slab: Slab = {
      base: page * PAGE_SIZE,
      size,
      free: Uint16Array.from({ length: count }, (_, i) => count - 1 - i),
      freeCount: count,
      taken: new Uint8Array(count),
    };
    for (let i = 0; i < SLAB_PAGES; i++) this.#byPage.set(page + i, slab);
    open.add(slab);
    return slab;
  }

  #dropSlab(slab: Slab, open: Set<Slab>): void {
    const page = slab.base / PAGE_SIZE;
    open.delete(slab);
    for (let i = 0; i < SLAB_PAGES; i++) this.#byPage.delete(page + i);
    this.#pages.release(page);
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const item of set) return item;
  return undefined;
}
