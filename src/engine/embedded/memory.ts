import { PageRuns, PAGE_SIZE } from './page-runs.ts';
import { Slabs } from './slabs.ts';

/** WebAssembly's own page. */
const WASM_PAGE = 65536;
/** Below this address nothing is ever allocated, so that a null pointer plus an offset is found out. */
export const NULL_PAGE = 65536;
/** 2 GiB: every address is a positive 32-bit integer. Where so much address space cannot be reserved, less is tried. */
const MAXIMA = [32768, 16384, 8192, 4096, 2048];
const INITIAL_PAGES = 2;
/** Blocks up to this size share pages; larger ones get pages of their own. */
const MAX_SMALL = 2048;

/**
 * The memory of a machine: map values, contexts, packets and stacks, at the addresses that programs see. One shared `WebAssembly.Memory`, so
 * that generated code can work on it.
 *
 * What says which part is taken is kept outside of it: a program that writes where it should not can spoil data, never the allocator.
 */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  /** Views of the whole memory. New ones after each growth: do not keep them across a call that may allocate. */
  u8!: Uint8Array;
  i32!: Int32Array;
  dv!: DataView;
  readonly #pages: PageRuns;
  readonly #slabs: Slabs;
  #used = 0;
}
