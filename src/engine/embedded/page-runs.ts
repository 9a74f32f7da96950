/** Bytes of a page of the embedded kernel's allocator. */
export const PAGE_SIZE = 4096;
const BINS = 21; // floor(log2(n)) + 1 for the 2^19 pages of 2 GiB, and 0 unused
const NONE = -1;

/**
 * Runs of pages: which are taken and which are free. Neighbouring free runs are one. Free runs are kept in lists by the binary logarithm of
 * their length.
 *
 * `#length` says of a run's first page how long the run is: positive if free, negative if taken. A free run's last page says the same as its
 * first, so that its right neighbour finds it. All other pages say 0.
 */
export class PageRuns {
  #pages = 0;
  #length = new Int32Array(64);
  #next = new Int32Array(64);
  #previous = new Int32Array(64);
  readonly #heads = new Int32Array(BINS).fill(NONE);

  get pages(): number {
    return this.#pages;
  }

  /** Pages of the free run at the end. */
  get freeAtEnd(): number {
    return Math.max(0, this.#length[this.#pages - 1] ?? 0);
  }

  /** Adds `count` free pages at the end. */
  extend(count: number): void {
    const first = this.#pages;
    this.#pages += count;
    if (this.#pages > this.#length.length) this.#resize(Math.max(this.#pages, 2 * this.#length.length));
    this.#release(first, count);
  }

  /** The first page of a run that is now taken, or `undefined` if no free run is long enough. */
  take(count: number): number | undefined {
    const first = this.#find(count);
    if (first === undefined) return undefined;
    const length = this.#length[first] ?? 0;
    this.#unlink(first, length);
    if (length > count) this.#link(first + count, length - count);
    this.#length[first] = -count;
    if (count > 1) this.#length[first + count - 1] = 0;
    return first;
  }

  /** Pages of the taken run that starts here; 0 if none does. */
  takenAt(first: number): number {
    return Math.max(0, -(this.#length[first] ?? 0));
  }

  /** Gives back a run that {@link PageRuns.take} handed out. */
  release(first: number): void {
    const count = this.takenAt(first);
    this.#length[first] = 0;
    this.#release(first, count);
  }

  #release(first: number, count: number): void {
    let start = first;
    let end = first + count;
    const before = start > 0 ? (this.#length[start - 1] ?? 0) : 0;
    if (before > 0) {
      start -= before;
      this.#unlink(start, before);
    }
    const after = end < this.#pages ? (this.#length[end] ?? 0) : 0;
    if (after > 0) {
      this.#unlink(end, after);
      end += after;
    }
    this.#link(start, end - start);
  }

  #find(count: number): number | undefined {
    const bin = binOf(count);
    for (let run = this.#heads[bin] ?? NONE; run !== NONE; run = this.#next[run] ?? NONE) {
      if ((this.#length[run] ?? 0) >= count) return run;
    }
    for (let larger = bin + 1; larger < BINS; larger++) {
      const run = this.#heads[larger] ?? NONE;
      if (run !== NONE) return run;
    }
    return undefined;
  }

  #link(first: number, length: number): void {
    const bin = binOf(length);
    const head = this.#heads[bin] ?? NONE;
    this.#length[first] = length;
    this.#length[first + length - 1] = length;
    this.#next[first] = head;
    this.#previous[first] = NONE;
    if (head !== NONE) this.#previous[head] = first;
    this.#heads[bin] = first;
  }

  #unlink(first: number, length: number): void {
    const next = this.#next[first] ?? NONE;
    const previous = this.#previous[first] ?? NONE;
    if (previous === NONE) this.#heads[binOf(length)] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#length[first] = 0;
    this.#length[first + length - 1] = 0;
  }

  #resize(size: number): void {
    const grown = (old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const array = new Int32Array(size);
      array.set(old);
      return array;
    };
    this.#length = grown(this.#length);
    this.#next = grown(this.#next);
    this.#previous = grown(this.#previous);
  }
}

function binOf(length: number): number {
  return 32 - Math.clz32(length);
}
