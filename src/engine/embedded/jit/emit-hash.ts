import { FINISH } from '../maps/key.ts';
import { emitWord } from './emit-bytes.ts';
import type { WasmCode } from './wasm-code.ts';

// The parts of `hashKey`: between them, each word of a key is multiplied, and the products are added to the key's size.

/** Puts up to four bytes of a key, behind the address in a local, on the stack as they are multiplied. `room`: a local for that. */
export function emitKeyWord(code: WasmCode, key: number, offset: number, size: number, room: number): void {
  emitWord(code, key, offset, size);
  emitFolded(code, room, 16);
}

/** The sum on the stack becomes the hash. `room`: a local for that. */
export function emitFinish(code: WasmCode, room: number): void {
  emitFolded(code, room, FINISH.before);
  code.i32(FINISH.factor);
  code.op('i32_mul');
  emitFolded(code, room, FINISH.after);
}

/** A number on the stack becomes itself xor its upper bits. */
function emitFolded(code: WasmCode, room: number, shift: number): void {
  code.tee(room);
  code.get(room);
  code.i32(shift);
  code.op('i32_shr_u');
  code.op('i32_xor');
}
