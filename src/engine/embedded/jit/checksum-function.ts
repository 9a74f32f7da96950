import { WasmCode } from './wasm-code.ts';
import type { Signature, WasmModule } from './wasm-module.ts';

/** (from, its size, to, its size, seed) -> sum of 16 bits */
export const CSUM_DIFF: Signature = { params: ['i32', 'i32', 'i32', 'i32', 'i32'], result: 'i32' };
/** (address, size, seed) -> sum of 32 bits */
const SUM: Signature = { params: ['i32', 'i32', 'i32'], result: 'i32' };

/** As `csum_diff`. */
export function emitCsumDiff(module: WasmModule): Uint8Array {
  const sum32 = module.function(SUM);
  module.define(sum32, emitSum());
  const code = new WasmCode(5);
  const [from, fromSize, to, toSize, seed, sum] = [0, 1, 2, 3, 4, code.local('i64')];
  // seed, or with all its bits turned round where nothing takes the place of the old bytes
  code.get(toSize);
  code.op('i32_eqz');
  code.get(fromSize);
  code.i32(0);
  code.op('i32_ne');
  code.op('i32_and');
  code.block('if', 'i64');
  code.get(from);
  code.get(fromSize);
  code.get(seed);
  complement(code);
  code.call(sum32);
  complement(code);
  code.op('i64_extend_i32_u');
  code.op('else');
  code.get(to);
  code.get(toSize);
  code.get(seed);
  code.call(sum32);
  code.op('i64_extend_i32_u');
  code.get(fromSize);
  code.block('if', 'i64');
  code.get(from);
  code.get(fromSize);
  code.i32(0);
  code.call(sum32);
  complement(code);
  code.op('i64_extend_i32_u');
  code.op('else');
  code.i64(0, 0);
  code.end();
  code.op('i64_add');
  code.end();
  code.set(sum);
  emitFold(code, sum, 32);
  emitFold(code, sum, 16);
  emitFold(code, sum, 16);
  code.get(sum);
  code.op('i32_wrap_i64');
  return code.finish();
}

/** Turns all bits of the word on the stack round. */
function complement(code: WasmCode): void {
  code.i32(-1);
  code.op('i32_xor');
}

/** Words, then what is left of one. */
function emitSum(): Uint8Array {
  const code = new WasmCode(3);
  const [at, left, seed, sum] = [0, 1, 2, code.local('i64')];
  code.get(seed);
  code.op('i64_extend_i32_u');
  code.set(sum);
  code.block('block');
  code.block('loop');
  code.get(left);
  code.i32(4);
  code.op('i32_lt_u');
  code.brIf(1);
  add(code, sum, at, 'i64_load32_u');
  advance(code, at, left, 4);
  code.br(0);
  code.end();
  code.end();
  // The last one's bytes: two, then one behind them.
  code.get(left);
  code.i32(2);
  code.op('i32_and');
  code.block('if');
  add(code, sum, at, 'i64_load16_u');
  code.get(left);
  code.i32(1);
  code.op('i32_and');
  code.block('if');
  code.get(sum);
  code.get(at);
  code.memory('i64_load8_u', 2);
  code.i64(16, 0);
  code.op('i64_shl');
  code.op('i64_add');
  code.set(sum);
  code.end();
  code.op('else');
  code.get(left);
  code.block('if');
  add(code, sum, at, 'i64_load8_u');
  code.end();
  code.end();
  emitFold(code, sum, 32);
  emitFold(code, sum, 32);
  code.get(sum);
  code.op('i32_wrap_i64');
  return code.finish();
}

function add(code: WasmCode, sum: number, at: number, load: 'i64_load32_u' | 'i64_load16_u' | 'i64_load8_u'): void {
  code.get(sum);
  code.get(at);
  code.memory(load, 0);
  code.op('i64_add');
  code.set(sum);
}

function advance(code: WasmCode, at: number, left: number, by: number): void {
  for (const [local, op] of [
    [at, 'i32_add'],
    [left, 'i32_sub'],
  ] as const) {
    code.get(local);
    code.i32(by);
    code.op(op);
    code.set(local);
  }
}

/** Adds what is above so many bits of the sum in a local to them: it stays 0 only if it was. */
function emitFold(code: WasmCode, sum: number, bits: 16 | 32): void {
  code.get(sum);
  code.i64(bits === 32 ? -1 : 0xffff, 0);
  code.op('i64_and');
  code.get(sum);
  code.i64(bits, 0);
  code.op('i64_shr_u');
  code.op('i64_add');
  code.set(sum);
}
