import { ENTRY_CONTEXT, ENTRY_SIZE, ENTRY_VERDICT } from './batch.ts';
import { orHighWord } from './emit-bytes.ts';
import { CONTEXT, ENTRY, HIGH, MAX_ROUNDS, REGISTERS, ROUNDS } from './registers.ts';
import { TARGET, VERDICT } from './signatures.ts';
import { WasmCode } from './wasm-code.ts';
import { WasmModule } from './wasm-module.ts';

/** Runs what is not compiled: (context, frame) -> the low word of r0; the high one is in the registers. */
export const INTERPRET = 'interpret';

/** (frame) -> the low word of r0, with the high one in the registers: calls a function with r1 to r5 of the registers. */
export function emitCallback(registers: number, func: number): Uint8Array {
  const code = new WasmCode(1);
  const result = code.local('i64');
  for (let reg = 1; reg <= 5; reg++) {
    code.i32(registers);
    code.memory('i64_load32_u', REGISTERS + 4 * reg, 2);
    orHighWord(code, registers, reg);
  }
  code.get(0);
  code.call(func);
  code.set(result);
  code.i32(registers);
  code.get(result);
  code.i64(32, 0);
  code.op('i64_shr_u');
  code.memory('i64_store32', HIGH, 2);
  code.get(result);
  code.op('i32_wrap_i64');
  return code.finish();
}

/** (context, frame, times): calls a function so many times. */
export function emitCallingLoop(func: number, isTarget: boolean): Uint8Array {
  const code = new WasmCode(3);
  const [context, frame, times, verdict] = [0, 1, 2, code.local('i32')];
  code.block('loop');
  code.get(context);
  code.get(frame);
  if (isTarget) code.i32(0);
  code.call(func);
  if (isTarget) code.op('i32_wrap_i64');
  code.set(verdict);
  code.get(times);
  code.i32(1);
  code.op('i32_sub');
  code.tee(times);
  code.brIf(0);
  code.end();
  code.get(verdict);
  return code.finish();
}

/**
 * (list, count, frame): calls a function for each entry of a list, which has the address of a context, and gets the verdict. Each may go round as often as a run by itself:
 *
 *      0                 4
 *     ┌─────────────────┬─────────┐
 *     │ context         │ verdict │
 *     └─────────────────┴─────────┘
 */
export function emitBatch(func: number, isTarget: boolean, registers: number): Uint8Array {
  const code = new WasmCode(3);
  const [entry, left, frame, context] = [0, 1, 2, code.local('i32')];
  code.block('loop');
  code.i32(registers);
  code.get(entry);
  code.memory('i32_store', ENTRY, 2);
  code.i32(registers);
  code.i32(MAX_ROUNDS);
  code.memory('i32_store', ROUNDS, 2);
  code.i32(registers);
  code.get(entry);
  code.memory('i32_load', ENTRY_CONTEXT, 2);
  code.tee(context);
  code.memory('i32_store', CONTEXT, 2);
  code.get(entry);
  code.get(context);
  code.get(frame);
  if (isTarget) code.i32(0);
  code.call(func);
  if (isTarget) code.op('i32_wrap_i64');
  code.memory('i32_store', ENTRY_VERDICT, 2);
  code.get(entry);
  code.i32(ENTRY_SIZE);
  code.op('i32_add');
  code.set(entry);
  code.get(left);
  code.i32(1);
  code.op('i32_sub');
  code.tee(left);
  code.brIf(0);
  code.end();
  return code.finish();
}

/** The verdict of what a tail call could lead to, too. */
export function emitVerdict(target: number): Uint8Array {
  const code = new WasmCode(2);
  code.get(0);
  code.get(1);
  code.i32(0);
  code.call(target);
  code.op('i32_wrap_i64');
  return code.finish();
}

/** A module whose `target` has what is not compiled run. */
export function compileAdapter(registers: number): Uint8Array {
  const module = new WasmModule();
  const interpret = module.import(INTERPRET, VERDICT);
  const code = new WasmCode(3);
  code.get(0);
  code.get(1);
  code.call(interpret);
  code.op('i64_extend_i32_u');
  orHighWord(code, registers, 0);
  const target = module.function(TARGET);
  module.define(target, code.finish());
  module.export('target', target);
  return module.finish();
}
