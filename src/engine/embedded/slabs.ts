import { PAGE_SIZE, type PageRuns } from './page-runs.ts';

/** Block sizes: four steps to each doubling, so that at most a fifth of a block is lost. */
// biome-ignore format: aligned table
const SIZES = [
    16,   32,   48,   64,   80,   96,  112,  128,
   160,  192,  224,  256,  320,  384,  448,  512,
   640,  768,  896, 1024, 1280, 1536, 1792, 2048,
];
const UNIT = 16;
const SLAB_PAGES = 4;

/** Largest size that slabs are for. */
export const MAX_SMALL = 2048;

/** All slabs of one block size that have a free block. */
interface SizeClass {
  readonly size: number;
  readonly open: Set<Slab>;
}

interface Slab {
  readonly base: number;
  readonly kind: SizeClass;
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
  /** By size in units, rounded up. */
  readonly #classes: readonly SizeClass[];

  constructor(pages: PageRuns) {
    this.#pages = pages;
    const classes = SIZES.map((size): SizeClass => ({ size, open: new Set() }));
    this.#classes = Array.from({ length: MAX_SMALL / UNIT + 1 }, (_, units) =>
      classes.find(({ size }) => size >= units * UNIT),
    ).filter((kind) => kind !== undefined);
  }

  /** Address of a block of at least `size` bytes, or 0 if there are no pages for another slab. */
  take(size: number): number {
    const kind = this.#classes[Math.ceil(size / UNIT)];
    if (kind === undefined) return 0;
    const slab = first(kind.open) ?? this.#newSlab(kind);
    if (slab === undefined) return 0;
    slab.freeCount--;
    const index = slab.free[slab.freeCount] ?? 0;
    if (slab.freeCount === 0) kind.open.delete(slab);
    slab.taken[index] = 1;
    return slab.base + index * kind.size;
  }

  /** Whether the page of this address is cut into small blocks. */
  owns(address: number): boolean {
    return this.#byPage.has(Math.floor(address / PAGE_SIZE));
  }

  /** Bytes of the taken block at `address`; 0 if there is none. */
  sizeAt(address: number): number {
    const slab = this.#byPage.get(Math.floor(address / PAGE_SIZE));
    if (slab === undefined) return 0;
    const index = (address - slab.base) / slab.kind.size;
    return slab.taken[index] === 1 ? slab.kind.size : 0; // a fraction is no index
  }

  /** Gives back a block for which {@link Slabs.sizeAt} is not 0. */
  release(address: number): void {
    const slab = this.#byPage.get(Math.floor(address / PAGE_SIZE));
    if (slab === undefined) return;
    const { open, size } = slab.kind;
    const index = (address - slab.base) / size;
    slab.taken[index] = 0;
    slab.free[slab.freeCount++] = index;
    open.add(slab);
    // One slab of each size stays, for those who take and release a block in turns.
    if (slab.freeCount === slab.taken.length && open.size > 1) this.#dropSlab(slab);
  }

  #newSlab(kind: SizeClass): Slab | undefined {
    const page = this.#pages.take(SLAB_PAGES);
    if (page === undefined) return undefined;
    const count = Math.floor((SLAB_PAGES * PAGE_SIZE) / kind.size);
    const slab: Slab = {
      base: page * PAGE_SIZE,
      kind,
      free: Uint16Array.from({ length: count }, (_, i) => count - 1 - i),
      freeCount: count,
      taken: new Uint8Array(count),
    };
    for (let i = 0; i < SLAB_PAGES; i++) this.#byPage.set(page + i, slab);
    kind.open.add(slab);
    return slab;
  }

  #dropSlab(slab: Slab): void {
    const page = slab.base / PAGE_SIZE;
    slab.kind.open.delete(slab);
    for (let i = 0; i < SLAB_PAGES; i++) this.#byPage.delete(page + i);
    this.#pages.release(page);
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const item of set) return item;
  return undefined;
}
