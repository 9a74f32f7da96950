import { SysError } from '../../errors.ts';
import { errno } from '../../uapi/errno.ts';
import { PAGE_SIZE, PageRuns } from './page-runs.ts';
import { MAX_SMALL, Slabs } from './slabs.ts';
import { reserveMemory, type WasmMemory } from './wasm-memory.ts';

/** Bytes of WebAssembly's own page. */
const WASM_PAGE = 65536;
/** Below this address nothing is ever allocated, so that a null pointer plus an offset is found out. */
export const NULL_PAGE = 65536;
/** Bytes of a line of a processor's cache: what one CPU writes there, another has to fetch again. */
export const CACHE_LINE = 64;
/** Bytes that no two CPUs share which write there: processors fetch lines of their caches by pairs. */
export const APART = 2 * CACHE_LINE;
/** 2 GiB: every address is a positive 32-bit integer. Where so much address space cannot be reserved, less is tried. */
const MAXIMA = [32768, 16384, 8192, 4096, 2048, 1024];
const INITIAL = 2;
/** Bytes that are copied faster one by one, and words of 8 that are cleared so. */
const FEW = 32;
const FEW_WORDS = 48;

/**
 * The memory of a machine: map values, contexts, packets and stacks, at the addresses that programs see. One shared `WebAssembly.Memory`, so
 * that generated code can work on it.
 *
 * What says which part is taken is kept outside of it: a program that writes where it should not can spoil data, never the allocator.
 */
export class LinearMemory {
  readonly memory: WasmMemory;
  /** Views of the whole memory, new ones after each growth: do not keep them across a call that may allocate. */
  u8: Uint8Array;
  i32: Int32Array;
  dv: DataView;
  #f64: Float64Array;
  readonly #pages = new PageRuns();
  readonly #slabs = new Slabs(this.#pages);
  /** By page: 1 if something else than zeros may be there. */
  #soiled = new Uint8Array(0);
  #held: number[] | undefined;

  /** Throws SysError ENOMEM where no address space is left. */
  constructor() {
    const memory = reserveMemory(INITIAL, MAXIMA);
    if (memory === undefined) {
      throw new SysError(errno.ENOMEM, 'mmap', {
        detail:
          'no address space is left for the memory of another embedded kernel; dispose of those that are not used',
      });
    }
    this.memory = memory;
    this.u8 = new Uint8Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.dv = new DataView(memory.buffer);
    this.#f64 = new Float64Array(memory.buffer);
    this.#extend(this.u8.length / PAGE_SIZE);
    this.#pages.take(NULL_PAGE / PAGE_SIZE); // the first run, at address 0
  }

  /** Address of `size` zeroed bytes, a multiple of 8; 0 if the memory is exhausted. */
  alloc(size: number): number {
    return this.#alloc(size, 1);
  }

  /**
   * The same, many pages of which most may never be used: who gets them says with {@link LinearMemory.soil} where something else than zeros is before they are
   * given back. So nobody has to write zeros over it all.
   */
  allocPages(count: number): number {
    return this.#alloc(count * PAGE_SIZE, 0);
  }

  /** Of {@link LinearMemory.allocPages}: there may be something else than zeros. */
  soil(address: number, size: number): void {
    this.#soiled.fill(1, Math.floor(address / PAGE_SIZE), Math.ceil((address + size) / PAGE_SIZE));
  }

  #alloc(size: number, soiled: 0 | 1): number {
    if (!(size >= 0 && size < 2 ** 31)) return 0;
    let address = this.#take(size);
    if (address === 0) {
      if (!this.#grow(size)) return 0;
      address = this.#take(size);
      if (address === 0) return 0;
    }
    const end = address + this.#sizeAt(address);
    for (let page = Math.floor(address / PAGE_SIZE); page * PAGE_SIZE < end; page++) {
      const from = Math.max(address, page * PAGE_SIZE);
      if (this.#soiled[page] === 1) this.clear(from, Math.min(end, (page + 1) * PAGE_SIZE) - from);
      this.#soiled[page] = soiled;
    }
    return address;
  }

  /** Calls while the word at an address is 1: other threads wait for that. It is 0 again afterwards. */
  locked<T>(address: number, use: () => T): T {
    const words = this.i32;
    while (Atomics.compareExchange(words, address / 4, 0, 1) !== 0);
    try {
      return use();
    } finally {
      Atomics.store(words, address / 4, 0);
    }
  }

  /** What is given back is not handed out again until {@link LinearMemory.releaseFrees}: others may still be reading it. */
  holdFrees(): void {
    this.#held ??= [];
  }
  releaseFrees(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const address of held) this.free(address);
  }

  /** Gives back what {@link LinearMemory.alloc} handed out; 0 is ignored. */
  free(address: number): void {
    if (address === 0) return;
    if (this.#held !== undefined) {
      this.#held.push(address);
      return;
    }
    if (address < NULL_PAGE || this.#sizeAt(address) === 0) {
      throw new Error(`embedded kernel: 0x${address.toString(16)} is freed, but not allocated`);
    }
    if (this.#slabs.owns(address)) this.#slabs.release(address);
    else this.#pages.release(address / PAGE_SIZE);
  }

  /** Whether `size` bytes from `address` on are memory and not in the null page. Says nothing about whose they are. */
  check(address: number, size: number): boolean {
    return address >= NULL_PAGE && size >= 0 && address + size <= this.u8.length;
  }

  /** Copies bytes, which may overlap. The methods of typed arrays take 40 ns whatever they do, which is longer than most keys and values take one by one. */
  copy(to: number, from: number, size: number): void {
    if (size > FEW) this.u8.copyWithin(to, from, from + size);
    else if (to <= from) for (let i = 0; i < size; i++) this.u8[to + i] = this.u8[from + i] ?? 0;
    else for (let i = size - 1; i >= 0; i--) this.u8[to + i] = this.u8[from + i] ?? 0;
  }

  /** Writes zeros: on shared memory V8 writes element by element, of 8 bytes in a tenth of the time that single bytes take. */
  clear(at: number, size: number): void {
    const end = at + size;
    if (size <= FEW) {
      this.#clearBytes(at, end);
      return;
    }
    const [first, last] = [Math.ceil(at / 8), Math.floor(end / 8)];
    const words = this.#f64;
    if (last - first > FEW_WORDS) words.fill(0, first, last);
    else for (let i = first; i < last; i++) words[i] = 0;
    this.#clearBytes(at, 8 * first);
    this.#clearBytes(8 * last, end);
  }

  #clearBytes(from: number, to: number): void {
    for (let at = from; at < to; at++) this.u8[at] = 0;
  }

  /** Bytes that the memory has now. */
  get size(): number {
    return this.u8.length;
  }

  #take(size: number): number {
    if (size <= MAX_SMALL) return this.#slabs.take(Math.max(size, 1));
    const page = this.#pages.take(Math.ceil(size / PAGE_SIZE));
    return page === undefined ? 0 : page * PAGE_SIZE;
  }

  #sizeAt(address: number): number {
    if (this.#slabs.owns(address)) return this.#slabs.sizeAt(address);
    return address % PAGE_SIZE === 0 ? this.#pages.takenAt(address / PAGE_SIZE) * PAGE_SIZE : 0;
  }

  /** By an eighth, so that many small steps do not make many views, or by what is needed besides what is free at the end. */
  #grow(size: number): boolean {
    const need = Math.max(0, Math.ceil((size - this.#pages.freeAtEnd * PAGE_SIZE) / WASM_PAGE)) + 1;
    return this.#growBy(Math.max(need, Math.ceil(this.u8.length / WASM_PAGE / 8))) || this.#growBy(need);
  }

  #growBy(wasmPages: number): boolean {
    const before = this.u8.length;
    try {
      this.memory.grow(wasmPages);
    } catch {
      return false; // RangeError: past the maximum, or the system has no memory left
    }
    this.u8 = new Uint8Array(this.memory.buffer);
    this.i32 = new Int32Array(this.memory.buffer);
    this.dv = new DataView(this.memory.buffer);
    this.#f64 = new Float64Array(this.memory.buffer);
    this.#extend((this.u8.length - before) / PAGE_SIZE);
    return true;
  }

  #extend(pages: number): void {
    this.#pages.extend(pages);
    const soiled = new Uint8Array(this.#pages.pages);
    soiled.set(this.#soiled);
    this.#soiled = soiled;
  }
}
