import type { WasmMemory } from '../wasm-memory.ts';

/** What is used of WebAssembly: Node's types do not declare it. */
export type WasmFunction = (...args: readonly number[]) => number;

export interface WasmTable {
  readonly length: number;
  /** Throws RangeError where it cannot grow. */
  grow(by: number): number;
  set(index: number, value: WasmFunction | null): void;
}

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, WasmFunction | WasmMemory | WasmTable>>>>,
  ) => { readonly exports: Readonly<Record<string, WasmFunction>> };
  readonly Table: new (descriptor: { element: 'anyfunc'; initial: number }) => WasmTable;
  readonly CompileError: new () => Error;
  readonly RuntimeError: new (message?: string) => Error;
}

/** Every engine has it. */
export const { WebAssembly: wasm } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
