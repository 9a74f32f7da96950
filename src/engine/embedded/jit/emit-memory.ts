import { type Atomic, atomicOf, type MemSize } from '../../../isa/index.ts';
import { opOf } from './emit-alu.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';
import type { NumberType, OpName } from './wasm-op.ts';

export function emitLoad(text: FunctionText, op: Op): void {
  const { operation } = op;
  if (operation.kind !== 'load') return;
  const type = text.resultType;
  if (type === undefined) return;
  if (op.probed) emitProbedLoad(text, op, type, loadOp(type, operation.size, operation.signed));
  else text.code.memory(loadOp(type, operation.size, operation.signed), text.address(op.src, op.off));
  text.write(op.dst, type);
}

/** Below the memory's end, else 0. The first page has zeros. */
function emitProbedLoad(text: FunctionText, op: Op, type: NumberType, load: OpName): void {
  const { code } = text;
  text.withLocal('i64', (address) => {
    text.read64(op.src);
    code.i64(op.off, op.off >> 31);
    code.op('i64_add');
    code.tee(address);
    code.size();
    code.op('i64_extend_i32_u');
    code.i64(WASM_PAGE_SHIFT, 0);
    code.op('i64_shl');
    code.i64(8, 0);
    code.op('i64_sub');
    code.op('i64_le_u');
    code.block('if', type);
    code.get(address);
    code.op('i32_wrap_i64');
    code.memory(load, 0);
    code.op('else');
    if (type === 'i32') code.i32(0);
    else code.i64(0, 0);
    code.end();
  });
}

/** Of the bytes of a page of WebAssembly's memory. */
const WASM_PAGE_SHIFT = 16;

/** Of 8 bytes the low word is in front. */
export function loadOp(type: NumberType, size: MemSize, signed: boolean): OpName {
  const whole = type === 'i32' ? 4 : 8;
  return opOf(type, size >= whole ? 'load' : `load${8 * size}_${signed ? 's' : 'u'}`);
}

export function emitStore(text: FunctionText, op: Op): void {
  const { operation } = op;
  if (operation.kind !== 'store') return;
  const { size } = operation;
  const offset = text.address(op.dst, op.off);
  const type: NumberType = size === 8 ? 'i64' : 'i32';
  if (operation.source === 'imm') {
    if (type === 'i64') text.code.i64(op.imm, op.imm >> 31);
    else text.code.i32(op.imm);
  } else if (type === 'i64') text.read64(op.src);
  else text.read32(op.src);
  text.code.memory(storeOp(type, size), offset);
}

export function storeOp(type: NumberType, size: MemSize): OpName {
  return opOf(type, size === 4 || size === 8 ? 'store' : `store${8 * size}`);
}

/** `shared`: other CPUs run meanwhile; else reading and writing one after the other are as one. */
export function emitAtomic(text: FunctionText, op: Op, shared: boolean): void {
  const { operation } = op;
  const atomic = atomicOf(op.imm);
  if (operation.kind !== 'atomic' || atomic === undefined) return;
  if (shared) {
    emitSharedAtomic(text, op, atomic, operation.size);
    return;
  }
  const { size } = operation;
  if (atomic.op === 'load') {
    emitLoad(text, { ...op, operation: { kind: 'load', size, signed: false } });
    return;
  }
  if (atomic.op === 'store') {
    emitStore(text, { ...op, operation: { kind: 'store', size, source: 'reg' } });
    return;
  }
  const type: NumberType = size === 8 ? 'i64' : 'i32';
  text.withLocal('i32', (address) =>
    text.withLocal(type, (old) => {
      const { code } = text;
      const offset = text.address(op.dst, op.off);
      code.tee(address);
      code.memory(opOf(type, 'load'), offset);
      code.set(old);
      code.get(address);
      emitNewValue(text, op, atomic, type, old);
      code.memory(opOf(type, 'store'), offset);
      if (!atomic.fetch) return;
      const into = atomic.op === 'cmpxchg' ? 0 : op.src;
      const wanted = text.resultType;
      if (wanted === undefined) return;
      code.get(old);
      text.writeAs(into, type, wanted);
    }),
  );
}

/** The verifier has seen to it that the address is a multiple of the size. */
function emitSharedAtomic(text: FunctionText, op: Op, atomic: Atomic, size: MemSize): void {
  const { code } = text;
  const type: NumberType = size === 8 ? 'i64' : 'i32';
  const align = Math.log2(size);
  const narrow = size >= 4 ? '' : `${8 * size}`;
  const read = (reg: number) => (type === 'i64' ? text.read64(reg) : text.read32(reg));
  if (atomic.op === 'load') {
    const wanted = text.resultType;
    if (wanted === undefined) return;
    code.memory(opOf(type, `atomic_load${narrow && `${narrow}_u`}`), text.address(op.src, op.off), align);
    text.writeAs(op.dst, type, wanted);
    return;
  }
  const offset = text.address(op.dst, op.off);
  if (atomic.op === 'cmpxchg') read(0);
  read(op.src);
  code.memory(opOf(type, atomic.op === 'store' ? `atomic_store${narrow}` : `atomic_${atomic.op}`), offset, align);
  if (atomic.op === 'store') return;
  const into = atomic.op === 'cmpxchg' ? 0 : op.src;
  const wanted = atomic.fetch ? text.resultType : undefined;
  if (wanted === undefined) code.op('drop');
  else text.writeAs(into, type, wanted);
}

export function emitNewValue(text: FunctionText, op: Op, atomic: Atomic, type: NumberType, old: number): void {
  const { code } = text;
  const read = (reg: number) => (type === 'i64' ? text.read64(reg) : text.read32(reg));
  if (atomic.op === 'xchg') {
    read(op.src);
    return;
  }
  if (atomic.op === 'cmpxchg') {
    read(op.src);
    code.get(old);
    code.get(old);
    read(0);
    code.op(opOf(type, 'eq'));
    code.op('select');
    return;
  }
  code.get(old);
  read(op.src);
  code.op(opOf(type, atomic.op));
}
