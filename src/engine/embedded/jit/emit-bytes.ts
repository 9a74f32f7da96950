import { HIGH } from './registers.ts';
import type { WasmCode } from './wasm-code.ts';
import type { OpName } from './wasm-op.ts';

/** Bytes up to which a copy is written out. */
export const MAX_WRITTEN_OUT = 64;

// biome-ignore format: aligned table
const PIECES = [
  { size: 8, load: 'i64_load',     store: 'i64_store',   equal: 'i64_eq' },
  { size: 4, load: 'i32_load',     store: 'i32_store',   equal: 'i32_eq' },
  { size: 2, load: 'i32_load16_u', store: 'i32_store16', equal: 'i32_eq' },
  { size: 1, load: 'i32_load8_u',  store: 'i32_store8',  equal: 'i32_eq' },
] as const satisfies readonly { size: number; load: OpName; store: OpName; equal: OpName }[];

/** `size` bytes as the largest pieces that make them up. */
function* piecesOf(size: number): Generator<{ readonly at: number; readonly piece: (typeof PIECES)[number] }> {
  let at = 0;
  for (const piece of PIECES) for (; at + piece.size <= size; at += piece.size) yield { at, piece };
}

/** Copies bytes between the addresses in two locals, plus offsets. */
export function emitCopy(
  code: WasmCode,
  to: number,
  from: number,
  toOffset: number,
  fromOffset: number,
  size: number,
): void {
  if (size > MAX_WRITTEN_OUT) {
    for (const [local, offset] of [
      [to, toOffset],
      [from, fromOffset],
    ] as const) {
      code.get(local);
      code.i32(offset);
      code.op('i32_add');
    }
    code.i32(size);
    code.copy();
    return;
  }
  for (const { at, piece } of piecesOf(size)) {
    code.get(to);
    code.get(from);
    code.memory(piece.load, fromOffset + at);
    code.memory(piece.store, toOffset + at);
  }
}

export function emitZeros(code: WasmCode, to: number, offset: number, size: number): void {
  if (size > MAX_WRITTEN_OUT) {
    code.get(to);
    code.i32(offset);
    code.op('i32_add');
    code.i32(0);
    code.i32(size);
    code.fill();
    return;
  }
  for (const { at, piece } of piecesOf(size)) {
    code.get(to);
    if (piece.size === 8) code.i64(0, 0);
    else code.i32(0);
    code.memory(piece.store, offset + at);
  }
}

/** Puts on the stack whether bytes at the address in one local are those at the address in another plus `offset`. */
export function emitSame(code: WasmCode, a: number, b: number, offset: number, size: number): void {
  let pieces = 0;
  for (const { at, piece } of piecesOf(size)) {
    code.get(a);
    code.memory(piece.load, at);
    code.get(b);
    code.memory(piece.load, offset + at);
    code.op(piece.equal);
    if (pieces++ > 0) code.op('i32_and');
  }
}

/** Puts up to four bytes, behind the address in a local, on the stack as a number. */
export function emitWord(code: WasmCode, from: number, offset: number, size: number): void {
  code.get(from);
  if (size === 4) code.memory('i32_load', offset);
  else if (size === 1) code.memory('i32_load8_u', offset);
  else code.memory('i32_load16_u', offset);
  if (size !== 3) return;
  code.get(from);
  code.memory('i32_load8_u', offset + 2);
  code.i32(16);
  code.op('i32_shl');
  code.op('i32_or');
}

/** Puts the high word of a register, which lies in the registers for calls, to the low one on the stack. */
export function orHighWord(code: WasmCode, registers: number, reg: number): void {
  code.i32(registers);
  code.memory('i64_load32_u', HIGH + 4 * reg, 2);
  code.i64(32, 0);
  code.op('i64_shl');
  code.op('i64_or');
}
