/** What is used of WebAssembly.Memory. Node's types do not declare WebAssembly. */
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
  /** Throws RangeError where the memory cannot grow. */
  grow(pages: number): number;
}

interface Wasm {
  readonly Memory: new (descriptor: { initial: number; maximum: number; shared: true }) => WasmMemory;
}

/** A shared memory with room for one of the `maxima` (in pages of 64 KiB), the first for which there is address space; `undefined` if for none. */
export function reserveMemory(initial: number, maxima: readonly number[]): WasmMemory | undefined {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: Wasm }; // every engine has it; see above
  for (const maximum of maxima) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared: true });
    } catch {} // RangeError: the reservation failed
  }
  return undefined;
}
