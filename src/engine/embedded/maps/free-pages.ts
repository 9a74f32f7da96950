const NONE = -1;

/**
 * Which pages of an arena can be handed out, as runs. A request gets the start of the shortest run that is long enough, of several the one that came to be last: which
 * one that is programs see, so it is as on Linux. What is asked of any page is answered by a bitmap, and runs of one length are a list.
 */
export class FreePages {
  readonly pages: number;
  /** A bit a page. */
  readonly #bits: Uint32Array;
  /** The runs of each length, the latest first; and the lengths that there are, ascending. */
  readonly #latest = new Map<number, number>();
  readonly #lengths: number[] = [];
  /** By a run's first page: its neighbours in the list. */
  readonly #older: Int32Array;
  readonly #newer: Int32Array;

  /** The first `free` of them are free. */
  constructor(pages: number, free: number) {
    this.pages = pages;
    this.#bits = new Uint32Array(Math.ceil(pages / 32));
    this.#older = new Int32Array(pages);
    this.#newer = new Int32Array(pages);
    this.give(0, free);
  }

  /** The first page of a run of `count`, which stays free; -1 if there is none. */
  find(count: number): number {
    const length = this.#lengths[this.#placeOf(count)];
    return length === undefined ? NONE : (this.#latest.get(length) ?? NONE);
  }

  isFree(first: number, count: number): boolean {
    return this.#end(first, true) >= first + count;
  }

  /** These pages are free no more, whether they were or not. */
  take(first: number, count: number): void {
    const end = first + count;
    for (let at = this.#end(first, false); at < end; ) {
      const start = this.#start(at);
      const stop = this.#end(at, true);
      this.#unlink(start, stop - start);
      this.#set(at, Math.min(stop, end), false);
      if (start < first) this.#link(start, first - start);
      if (stop > end) this.#link(end, stop - end);
      at = this.#end(at, false);
    }
  }

  /** These pages are free, whether they were or not. */
  give(first: number, count: number): void {
    if (this.isFree(first, count)) return;
    this.take(first, count);
    const end = first + count;
    this.#set(first, end, true);
    const start = this.#start(first);
    const stop = this.#end(first, true);
    if (start < first) this.#unlink(start, first - start);
    if (stop > end) this.#unlink(end, stop - end);
    this.#link(start, stop - start);
  }

  /** The first page from `at` on that is not free, or not taken; `pages` if there is none. */
  #end(at: number, free: boolean): number {
    const flip = free ? 0xffffffff : 0;
    let word = at >>> 5;
    let left = (((this.#bits[word] ?? 0) ^ flip) >>> (at & 31)) << (at & 31);
    while (left === 0) {
      if (++word >= this.#bits.length) return this.pages;
      left = (this.#bits[word] ?? 0) ^ flip;
    }
    return Math.min(this.pages, 32 * word + 31 - Math.clz32(left & -left));
  }

  /** The first page of the run that a free page is in. */
  #start(at: number): number {
    let word = at >>> 5;
    let taken = ~(this.#bits[word] ?? 0) & (0xffffffff >>> (31 - (at & 31)));
    while (taken === 0 && word > 0) taken = ~(this.#bits[--word] ?? 0);
    return taken === 0 ? 0 : 32 * word + 32 - Math.clz32(taken);
  }

  #set(first: number, end: number, free: boolean): void {
    for (let at = first; at < end; ) {
      const word = at >>> 5;
      const next = Math.min(end, 32 * (word + 1));
      const mask = (0xffffffff >>> (32 - (next - at))) << (at & 31);
      this.#bits[word] = free ? (this.#bits[word] ?? 0) | mask : (this.#bits[word] ?? 0) & ~mask;
      at = next;
    }
  }

  #link(start: number, length: number): void {
    const latest = this.#latest.get(length);
    if (latest === undefined) this.#lengths.splice(this.#placeOf(length), 0, length);
    else this.#newer[latest] = start;
    this.#older[start] = latest ?? NONE;
    this.#newer[start] = NONE;
    this.#latest.set(length, start);
  }

  #unlink(start: number, length: number): void {
    const older = this.#older[start] ?? NONE;
    const newer = this.#newer[start] ?? NONE;
    if (older !== NONE) this.#newer[older] = newer;
    if (newer !== NONE) this.#older[newer] = older;
    else if (older !== NONE) this.#latest.set(length, older);
    else {
      this.#latest.delete(length);
      this.#lengths.splice(this.#placeOf(length), 1);
    }
  }

  /** Where a length is among those that there are, or would be. */
  #placeOf(length: number): number {
    let [low, high] = [0, this.#lengths.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lengths[middle] ?? 0) < length) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
