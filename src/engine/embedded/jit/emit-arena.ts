import { type Atomic, atomicOf, type MemSize } from '../../../isa/index.ts';
import { HOST_PAGE } from '../maps/array.ts';
import { opOf } from './emit-alu.ts';
import { emitNewValue, loadOp, storeOp } from './emit-memory.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';
import type { NumberType } from './wasm-op.ts';

/** The arena of a program, whose places are written into its text; see `ArenaMap`. */
export interface ArenaText {
  readonly base: number;
  readonly size: number;
  readonly table: number;
  readonly userLow: number;
  /** Function (bytes, offset) -> whether they are there: for pages that the table does not have, and what is on two. */
  readonly reaches: number;
  /** Several CPUs run at once. */
  readonly shared: boolean;
}

const PAGE_SHIFT = 12;

/** Loads, stores and atomics whose pointer leads into the arena, as `accessArena` does them. */
export function emitInArena(text: FunctionText, op: Op, arena: ArenaText): void {
  const { operation, src, dst } = op;
  const { code } = text;
  if (operation.kind === 'load') {
    const type = text.resultType;
    if (type === undefined) return;
    const load = loadOp(type, operation.size, operation.signed);
    emitAccess(text, op, src, operation.size, arena, {
      result: type,
      there: (at) => {
        code.get(at);
        code.memory(load, arena.base);
      },
      missing: () => (type === 'i32' ? code.i32(0) : code.i64(0, 0)),
    });
    text.write(dst, type);
  } else if (operation.kind === 'store') {
    const type = typeOf(operation.size);
    const there = (at: number) => {
      code.get(at);
      if (operation.source === 'reg') read(text, src, type);
      else if (type === 'i64') code.i64(op.imm, op.imm >> 31);
      else code.i32(op.imm);
      code.memory(storeOp(type, operation.size), arena.base);
    };
    emitAccess(text, op, dst, operation.size, arena, { there });
  } else if (operation.kind === 'atomic') {
    const atomic = atomicOf(op.imm);
    if (atomic !== undefined) emitAtomicInArena(text, op, atomic, operation.size, arena);
  }
}

function emitAtomicInArena(text: FunctionText, op: Op, atomic: Atomic, size: MemSize, arena: ArenaText): void {
  const { code } = text;
  const type = typeOf(size);
  const into = op.result;
  const wanted = atomic.fetch ? text.resultType : undefined;
  if (atomic.op === 'load' && wanted === undefined) return;
  const there = (at: number) => {
    if (arena.shared) emitAligned(text, op, atomic, size, arena, at);
    else emitPlain(text, op, atomic, size, arena, at);
    if (wanted === undefined) {
      if (atomic.op !== 'store') code.op('drop');
    } else if (wanted !== type) code.op(type === 'i32' ? 'i64_extend_i32_u' : 'i32_wrap_i64');
  };
  if (wanted === undefined) {
    emitAccess(text, op, op.dst, size, arena, { there });
    return;
  }
  const pointer = atomic.op === 'load' ? op.src : op.dst;
  const missing = () => emitKept(text, into, size, wanted);
  emitAccess(text, op, pointer, size, arena, { result: wanted, there, missing });
  text.write(into, wanted);
}

/** What stays in a register where nothing is loaded into it. */
function emitKept(text: FunctionText, reg: number, size: MemSize, wanted: NumberType): void {
  const { code } = text;
  if (size === 8) {
    read(text, reg, wanted);
    return;
  }
  text.read32(reg);
  if (size < 4) {
    code.i32(2 ** (8 * size) - 1);
    code.op('i32_and');
  }
  if (wanted === 'i64') code.op('i64_extend_i32_u');
}

/** Leaves what was there on the stack, but for a store. Nobody else runs meanwhile. */
function emitPlain(text: FunctionText, op: Op, atomic: Atomic, size: MemSize, { base }: ArenaText, at: number): void {
  const { code } = text;
  const type = typeOf(size);
  code.get(at);
  if (atomic.op === 'load') {
    code.memory(loadOp(type, size, false), base);
    return;
  }
  if (atomic.op === 'store') {
    read(text, op.src, type);
    code.memory(storeOp(type, size), base);
    return;
  }
  text.withLocal(type, (old) => {
    code.memory(opOf(type, 'load'), base);
    code.set(old);
    code.get(at);
    emitNewValue(text, op, atomic, type, old);
    code.memory(opOf(type, 'store'), base);
    code.get(old);
  });
}

/** The same as one step. WebAssembly has none for an address that is no multiple of the size, which programs may give here. */
function emitAligned(text: FunctionText, op: Op, atomic: Atomic, size: MemSize, arena: ArenaText, at: number): void {
  const { code } = text;
  const type = typeOf(size);
  const narrow = size >= 4 ? '' : `${8 * size}`;
  code.get(at);
  code.i32(size - 1);
  code.op('i32_and');
  code.op('i32_eqz');
  code.block('if', atomic.op === 'store' ? undefined : type);
  code.get(at);
  if (atomic.op === 'cmpxchg') read(text, 0, type);
  if (atomic.op !== 'load') read(text, op.src, type);
  const name = atomic.op === 'load' && narrow !== '' ? `atomic_load${narrow}_u` : `atomic_${atomic.op}${narrow}`;
  code.memory(opOf(type, name), arena.base, Math.log2(size));
  code.op('else');
  emitPlain(text, op, atomic, size, arena, at);
  code.end();
}

interface Ways {
  /** What is left on the stack, by both ways. */
  readonly result?: NumberType;
  /** `at`: the local with the offset of the bytes from the arena's start. */
  readonly there: (at: number) => void;
  readonly missing?: () => void;
}

/** One of two ways, by whether `size` bytes at a register and the instruction's offset are there. */
function emitAccess(text: FunctionText, op: Op, reg: number, size: MemSize, arena: ArenaText, ways: Ways): void {
  const { code } = text;
  text.withLocal('i32', (at) => {
    text.withLocal('i64', (place) => {
      const distance = op.off - arena.userLow;
      text.read32(reg);
      code.op('i64_extend_i32_u');
      code.i64(distance | 0, Math.floor(distance / 2 ** 32));
      code.op('i64_add');
      code.tee(place);
      code.i64(arena.size - size, 0);
      code.op('i64_le_u');
      code.block('if', 'i32');
      code.get(place);
      code.op('i32_wrap_i64');
      code.set(at);
    });
    emitIsThere(text, at, size, arena);
    code.op('else');
    code.i32(0);
    code.end();
    code.block('if', ways.result);
    ways.there(at);
    if (ways.missing !== undefined) {
      code.op('else');
      ways.missing();
    }
    code.end();
  });
}

/** Of bytes within the arena: puts on the stack whether they are there. */
function emitIsThere({ code }: FunctionText, at: number, size: MemSize, arena: ArenaText): void {
  code.get(at);
  code.i32(PAGE_SHIFT);
  code.op('i32_shr_u');
  code.memory('i32_load8_u', arena.table);
  if (size > 1) {
    code.get(at);
    code.i32(HOST_PAGE - 1);
    code.op('i32_and');
    code.i32(HOST_PAGE - size);
    code.op('i32_le_u');
    code.op('i32_and');
  }
  code.block('if', 'i32');
  code.i32(1);
  code.op('else');
  code.i32(size);
  code.get(at);
  code.call(arena.reaches);
  code.end();
}

function typeOf(size: MemSize): NumberType {
  return size === 8 ? 'i64' : 'i32';
}

function read(text: FunctionText, reg: number, type: NumberType): void {
  if (type === 'i64') text.read64(reg);
  else text.read32(reg);
}
