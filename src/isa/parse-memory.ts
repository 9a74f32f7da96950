import type { Insn } from './insn.ts';
import type { AssemblyLine } from './parse-line.ts';
import { aluSymbol, createInsn, fetchingImm, lockedImm } from './parse-opcode.ts';
import {
  address,
  baseAndOffset,
  I32_MIN,
  imm32,
  memoryRegister,
  type Place,
  place,
  type Register,
  register,
  sameRegister,
  type,
  U32_MAX,
  wide,
} from './parse-operand.ts';
import { ATOMICS, type MemSize } from './table.ts';

// Instructions that load and store.

/** Behind `r1 = *`: from memory or from a packet. */
export function load(line: AssemblyLine, dst: Register): Insn {
  line.expect('(');
  const { size, signed } = type(line);
  line.expect('*', ')');
  const column = line.column;
  if (line.takeWord('skb')) return packetLoad(line, dst, size, signed);
  line.rewind(column);
  const { base, off } = address(line);
  if (signed) wide(line, dst);
  else memoryRegister(line, dst, size);
  return createInsn(line, { kind: 'load', size, signed }, { dst: dst.number, src: base, off });
}

function packetLoad(line: AssemblyLine, dst: Register, size: MemSize, signed: boolean): Insn {
  if (dst.number !== 0 || dst.bits !== 64) line.failAt(dst.column, 'a load from skb goes into r0');
  if (signed) line.failAt(dst.column, 'a load from skb is unsigned');
  line.expect('[');
  const column = line.column;
  const src = register(line);
  if (src !== undefined) wide(line, src);
  let imm = 0;
  if (src === undefined) imm = imm32(line, column, line.integer('an offset', I32_MIN, U32_MAX), 64);
  else if (line.take('+')) imm = imm32(line, column, line.integer('an offset', I32_MIN, U32_MAX), 64);
  line.expect(']');
  return src === undefined
    ? createInsn(line, { kind: 'ld_abs', size }, { imm })
    : createInsn(line, { kind: 'ld_ind', size }, { src: src.number, imm });
}

/** Behind the place: `= r1`, `= 5`. */
export function store(line: AssemblyLine, { size, base, off }: Place): Insn {
  line.expect('=');
  const src = register(line);
  if (src !== undefined) {
    memoryRegister(line, src, size);
    return createInsn(line, { kind: 'store', size, source: 'reg' }, { dst: base, src: src.number, off });
  }
  const column = line.column;
  const n = line.integer('a register or a number', I32_MIN, U32_MAX);
  return createInsn(
    line,
    { kind: 'store', size, source: 'imm' },
    { dst: base, off, imm: imm32(line, column, n, size === 8 ? 64 : 32) },
  );
}

/** Behind `lock`: `*(u64 *)(r1 +0) += r2`. */
export function locked(line: AssemblyLine): Insn {
  line.expect('*');
  const { size, base, off } = place(line);
  const column = line.column;
  const { op, signed } = aluSymbol(line);
  const imm = signed ? undefined : lockedImm(op);
  if (imm === undefined) line.failAt(column, "'+=', '|=', '&=' or '^=' expected");
  const src = register(line) ?? line.fail('a register');
  memoryRegister(line, src, size);
  return createInsn(line, { kind: 'atomic', size }, { dst: base, src: src.number, off, imm });
}

/** Behind `store_release`. */
export function storeRelease(line: AssemblyLine): Insn {
  line.expect('(');
  const { size, base, off } = place(line);
  line.expect(',');
  const src = register(line) ?? line.fail('a register');
  memoryRegister(line, src, size);
  line.expect(')');
  return createInsn(
    line,
    { kind: 'atomic', size },
    { dst: base, src: src.number, off, imm: ATOMICS.store_release.imm },
  );
}

/** An atomic operation that leaves the old value in a register. */
export interface Fetching {
  readonly imm: number;
  /** As its name says; `undefined`: only its type does. */
  readonly size: MemSize | undefined;
  /** LLVM writes exchanges without a type: `r2 = xchg_64(r1 + 0x8, r2)`. */
  readonly typed: boolean;
}

/** `atomic64_fetch_add`, `atomic_xchg`, and LLVM's `atomic_fetch_add` of any size, `xchg_64`, `cmpxchg32_32`. `undefined`: it is no such name. */
export function fetchingOf(name: string): Fetching | undefined {
  const [, width, kernelName] = /^atomic(64)?_(\w+)$/.exec(name) ?? [];
  const [, llvmName, llvmWidth] = /^(cmpxchg|xchg)(32_32|_64)$/.exec(name) ?? [];
  const imm = fetchingImm(kernelName ?? llvmName ?? '');
  if (imm === undefined) return undefined;
  if (llvmName !== undefined) return { imm, size: llvmWidth === '_64' ? 8 : 4, typed: false };
  return { imm, size: width === undefined ? undefined : 8, typed: true };
}

/** Behind the name. */
export function fetching(line: AssemblyLine, dst: Register, { imm, size: named, typed }: Fetching): Insn {
  line.expect('(');
  const column = line.column;
  const { size, base, off } = typed ? place(line) : { size: named ?? 8, ...baseAndOffset(line) };
  if (named !== undefined && named !== size) line.failAt(column, `(u${8 * named} *) expected`);
  memoryRegister(line, dst, size);
  line.expect(',');
  const compares = imm === ATOMICS.cmpxchg.imm;
  if (compares) {
    if (dst.number !== 0) line.failAt(dst.column, 'cmpxchg leaves the old value in r0');
    sameRegister(line, register(line) ?? line.fail('r0'), dst);
    line.expect(',');
  }
  const src = register(line) ?? line.fail('a register');
  memoryRegister(line, src, size);
  if (!compares) sameRegister(line, src, dst);
  line.expect(')');
  return createInsn(line, { kind: 'atomic', size }, { dst: base, src: src.number, off, imm });
}

/** Behind `r1 = load_acquire`. */
export function loadAcquire(line: AssemblyLine, dst: Register): Insn {
  line.expect('(');
  const { size, base, off } = place(line);
  line.expect(')');
  memoryRegister(line, dst, size);
  return createInsn(line, { kind: 'atomic', size }, { dst: dst.number, src: base, off, imm: ATOMICS.load_acquire.imm });
}
