import { RANDOM } from '../random.ts';
import { WasmCode } from './wasm-code.ts';

/** () -> the next of the numbers whose state is at an address. As `createRandom`. */
export function emitRandom(state: number): Uint8Array {
  const code = new WasmCode(0);
  const [b, c, counter, result] = [code.local('i32'), code.local('i32'), code.local('i32'), code.local('i32')];
  const load = (word: number) => {
    code.i32(state);
    code.memory('i32_load', 4 * word, 2);
  };
  load(RANDOM.a);
  load(RANDOM.b);
  code.tee(b);
  code.op('i32_add');
  load(RANDOM.counter);
  code.tee(counter);
  code.op('i32_add');
  code.set(result);
  load(RANDOM.c);
  code.set(c);
  code.i32(state);
  code.get(counter);
  code.i32(1);
  code.op('i32_add');
  code.memory('i32_store', 4 * RANDOM.counter, 2);
  code.i32(state);
  code.get(b);
  code.get(b);
  code.i32(9);
  code.op('i32_shr_u');
  code.op('i32_xor');
  code.memory('i32_store', 4 * RANDOM.a, 2);
  code.i32(state);
  code.get(c);
  code.get(c);
  code.i32(3);
  code.op('i32_shl');
  code.op('i32_add');
  code.memory('i32_store', 4 * RANDOM.b, 2);
  code.i32(state);
  code.get(c);
  code.i32(21);
  code.op('i32_rotl');
  code.get(result);
  code.op('i32_add');
  code.memory('i32_store', 4 * RANDOM.c, 2);
  code.get(result);
  return code.finish();
}
