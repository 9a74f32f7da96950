import type { WasmCode } from './wasm-code.ts';

/** Waits until a word of memory is 0, and makes it 1. `address`: puts its address on the stack. */
export function emitLock(code: WasmCode, address: () => void): void {
  code.block('loop');
  address();
  code.i32(0);
  code.i32(1);
  code.memory('i32_atomic_cmpxchg', 0, 2);
  code.brIf(0);
  code.end();
}

/** Makes it 0 again. */
export function emitUnlock(code: WasmCode, address: () => void): void {
  address();
  code.i32(0);
  code.memory('i32_atomic_store', 0, 2);
}
