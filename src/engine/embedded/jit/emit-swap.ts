import type { WasmCode } from './wasm-code.ts';

/** (x << 8 & 0xff00) | (x >> 8 & 0xff). `narrow`: the number in the local has 16 bits, so that nothing comes down from above. */
export function emitSwap16(code: WasmCode, local: number, narrow: boolean): void {
  code.get(local);
  code.i32(8);
  code.op('i32_shl');
  code.i32(0xff00);
  code.op('i32_and');
  code.get(local);
  code.i32(8);
  code.op('i32_shr_u');
  if (!narrow) {
    code.i32(0xff);
    code.op('i32_and');
  }
  code.op('i32_or');
}

/** (rotl(x, 8) & 0x00ff00ff) | (rotr(x, 8) & 0xff00ff00) */
export function emitSwap32(code: WasmCode, local: number): void {
  code.get(local);
  code.i32(8);
  code.op('i32_rotl');
  code.i32(0x00ff00ff);
  code.op('i32_and');
  code.get(local);
  code.i32(8);
  code.op('i32_rotr');
  code.i32(0xff00ff00 | 0);
  code.op('i32_and');
  code.op('i32_or');
}

/** Bytes in pairs, then pairs in words, then words. */
export function emitSwap64(code: WasmCode, local: number): void {
  for (const [by, mask] of [
    [8, 0x00ff00ff],
    [16, 0x0000ffff],
  ] as const) {
    code.get(local);
    code.i64(by, 0);
    code.op('i64_shr_u');
    code.i64(mask, mask);
    code.op('i64_and');
    code.get(local);
    code.i64(mask, mask);
    code.op('i64_and');
    code.i64(by, 0);
    code.op('i64_shl');
    code.op('i64_or');
    code.set(local);
  }
  code.get(local);
  code.i64(32, 0);
  code.op('i64_rotl');
}
