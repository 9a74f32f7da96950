import { HELPERS, helperFunction } from '../uapi/helpers.ts';
import { type Insn, ldImm64 } from './insn.ts';
import * as O from './opcode.ts';
import type { AssemblyLine } from './parse-line.ts';
import { aluSymbol, fetchingImm, jumpSymbol, lockedImm, opcodeOf } from './parse-opcode.ts';
import { ATOMICS, type MemSize, type Operation } from './table.ts';

/** What one line says, before it is known where its labels are. */
export interface Statement {
  /** One slot, or the two of an `ld_imm64`. */
  readonly insns: readonly Insn[];
  /** The name that decides one field, to be looked up when all lines are read. */
  readonly reference?: Reference | undefined;
}

/** A name in place of a number. */
export interface Reference {
  readonly name: string;
  /** Of the name, for messages. */
  readonly column: number;
  /**
   * `off`, `imm`: the label's distance goes there. `call`: a label of this text, or a helper. `address`: a label of this text, or a map. `map`: a
   * map.
   */
  readonly kind: 'off' | 'imm' | 'call' | 'address' | 'map';
  /** Byte of the map's value; `undefined`: the map itself. */
  readonly valueOffset?: number | undefined;
}

interface Register {
  readonly number: number;
  readonly bits: 32 | 64;
  readonly column: number;
}

/** `*(u32 *)(r1 + 4)`, or without the first star. */
interface Place {
  readonly size: MemSize;
  readonly base: number;
  readonly off: number;
}

const REGISTER = /([rw])(\d+)(?![\w.$@])/y;
const TYPE = /([us])(8|16|32|64)(?![\w.$@])/y;
const SWAP = /(be|le|bswap)(16|32|64)(?![\w.$@])/y;
/** LLVM writes where a jump leads behind its distance. */
const TARGET_NOTE = /<.*>/y;

/** Reads one instruction. `prefix` is the opcode that the kernel's disassembly writes before it: only it tells `(18) r1 = 0x1` from a MOV. */
export function parseStatement(line: AssemblyLine, prefix: number | undefined): Statement {
  const column = line.column;
  const statement = instruction(line, prefix);
  line.end();
  const opcode = statement.insns[0]?.opcode;
  if (prefix !== undefined && opcode !== prefix)
    line.failAt(column, `this is opcode ${hex(opcode ?? 0)}, but (${hex(prefix)}) stands before it`);
  return statement;
}

function instruction(line: AssemblyLine, prefix: number | undefined): Statement {
  if (line.take('*')) return store(line, place(line));
  const dst = register(line);
  if (dst !== undefined) return assignment(line, dst, prefix);
  const column = line.column;
  switch (line.word()) {
    case 'exit':
      return one(line, { kind: 'exit' });
    case 'nospec':
      return { insns: [insn(O.BPF_NOSPEC)] };
    case 'goto':
      return jump(line, { kind: 'goto', wide: false });
    case 'gotol':
      return jump(line, { kind: 'goto', wide: true });
    case 'may_goto':
      return jump(line, { kind: 'may_goto' });
    case 'if':
      return conditional(line);
    case 'call':
      return call(line);
    case 'lock':
      return locked(line);
    case 'store_release':
      return storeRelease(line);
    case 'ld_pseudo':
      return pseudo(line);
    default:
      line.rewind(column);
      return line.fail('an instruction or a label');
  }
}

/** `r1 …`: everything that starts with the register that it writes. */
function assignment(line: AssemblyLine, dst: Register, prefix: number | undefined): Statement {
  const { op, signed } = aluSymbol(line);
  const off = signed ? 1 : 0;
  const { number, bits } = dst;
  if (op === 'mov') {
    const special = value(line, dst, prefix);
    if (special !== undefined) return special;
  }
  const src = register(line);
  if (src !== undefined) {
    sameWidth(line, src, bits);
    return one(line, { kind: 'alu', op, bits, source: 'reg' }, { dst: number, src: src.number, off });
  }
  const column = line.column;
  // A plain number too large for the instruction is read to the end, for the message's sake.
  const n = line.integer('a register or a number', -(1n << 63n), (1n << 64n) - 1n);
  if (op === 'mov' && bits === 64 && (line.takeWord('ll') || prefix === O.LD_IMM64))
    return { insns: ldImm64(number, n) };
  return one(line, { kind: 'alu', op, bits, source: 'imm' }, { dst: number, off, imm: imm32(line, column, n, bits) });
}

/** What may stand right of `=` besides a register and a number; `undefined`: it is one of those. */
function value(line: AssemblyLine, dst: Register, prefix: number | undefined): Statement | undefined {
  const { number, bits } = dst;
  const column = line.column;
  if (line.take('-')) {
    const src = register(line);
    if (src !== undefined) {
      sameRegister(line, src, dst);
      return one(line, { kind: 'neg', bits }, { dst: number });
    }
    line.rewind(column);
    return undefined;
  }
  if (line.take('*')) return load(line, dst);
  if (line.take('&')) {
    line.expect('(', 'void', '__percpu', '*', ')', '(');
    const src = wideRegister(line);
    line.expect(')');
    return move(line, dst, { src, off: O.BPF_ADDR_PERCPU });
  }
  if (line.take('(')) {
    const { size, signed } = type(line);
    if (!signed || size === 8) line.failAt(column, '(s8), (s16) or (s32) expected');
    line.expect(')');
    const src = register(line) ?? line.fail('a register');
    sameWidth(line, src, bits);
    return move(line, dst, { src: src.number, off: 8 * size });
  }
  const swap = line.match(SWAP);
  if (swap !== undefined) {
    wide(line, dst);
    sameRegister(line, register(line) ?? line.fail(`r${number}`), dst);
    const to = swap[1] === 'be' || swap[1] === 'le' ? swap[1] : 'swap';
    return one(line, { kind: 'end', to }, { dst: number, imm: Number(swap[2]) });
  }
  if (register(line) !== undefined) {
    line.rewind(column);
    return undefined;
  }
  const word = line.word();
  return word === undefined ? undefined : named(line, dst, word, column, prefix);
}

function named(line: AssemblyLine, dst: Register, word: string, column: number, prefix: number | undefined): Statement {
  if (word === 'addr_space_cast') {
    line.expect('(');
    const src = wideRegister(line);
    const spaces = [0, 0].map(() => {
      line.expect(',');
      return Number(line.integer('an address space', 0n, 0xffffn));
    });
    line.expect(')');
    return move(line, dst, { src, off: O.BPF_ADDR_SPACE_CAST, imm: ((spaces[0] ?? 0) << 16) | (spaces[1] ?? 0) });
  }
  if (word === 'load_acquire') {
    line.expect('(');
    const { size, base, off } = place(line);
    line.expect(')');
    memoryRegister(line, dst, size);
    return one(line, { kind: 'atomic', size }, { dst: dst.number, src: base, off, imm: ATOMICS.load_acquire.imm });
  }
  const kernel = /^atomic(64)?_(\w+)$/.exec(word);
  const llvm = /^(c?m?p?xchg)(32_32|_64)$/.exec(word);
  const imm = fetchingImm(kernel?.[2] ?? llvm?.[1] ?? '');
  if (imm !== undefined)
    return fetching(
      line,
      dst,
      imm,
      llvm === null ? (kernel?.[1] === '64' ? 8 : undefined) : llvm[2] === '_64' ? 8 : 4,
      llvm !== null,
    );
  wide(line, dst);
  if (word === 'map' && line.take('[')) return mapReference(line, dst.number);
  if (word === 'subprog' && line.take('[')) {
    const distance = Number(line.integer("a function's distance", -0x7fffffffn, 0x80000000n)) - 1;
    line.expect(']');
    return { insns: ldImm64(dst.number, BigInt.asUintN(32, BigInt(distance)), O.BPF_PSEUDO_FUNC) };
  }
  const sum = line.take('+');
  const valueOffset = sum ? Number(line.integer('an offset', 0n, 0xffffffffn)) : undefined;
  if (!line.takeWord('ll') && prefix !== O.LD_IMM64) line.fail("'ll'");
  return { insns: ldImm64(dst.number, 0n), reference: { kind: 'address', name: word, column, valueOffset } };
}

/** Behind `map[`: `id:7]`, `id:7][0]+8`, `name:counters]`. */
function mapReference(line: AssemblyLine, dst: number): Statement {
  const kinds = { id: O.BPF_PSEUDO_MAP_FD, fd: O.BPF_PSEUDO_MAP_FD, idx: O.BPF_PSEUDO_MAP_IDX };
  const by = line.match(/(id|fd|idx|name)\s*:/y)?.[1];
  if (by === undefined) line.fail("'id:', 'fd:', 'idx:' or 'name:'");
  const column = line.column;
  const name = by === 'name' ? (line.word() ?? line.fail("a map's name")) : undefined;
  const number = name === undefined ? line.integer("a map's number", 0n, 0xffffffffn) : 0n;
  line.expect(']');
  let valueOffset: number | undefined;
  if (line.take('[')) {
    line.expect('0', ']');
    valueOffset = line.take('+') ? Number(line.integer('an offset', 0n, 0xffffffffn)) : 0;
  }
  if (name !== undefined) return { insns: ldImm64(dst, 0n), reference: { kind: 'map', name, column, valueOffset } };
  const src = by === 'idx' ? kinds.idx : kinds.fd;
  return {
    insns:
      valueOffset === undefined
        ? ldImm64(dst, number, src)
        : ldImm64(dst, number | (BigInt(valueOffset) << 32n), src + 1),
  };
}

function load(line: AssemblyLine, dst: Register): Statement {
  line.expect('(');
  const { size, signed } = type(line);
  line.expect('*', ')');
  const column = line.column;
  if (line.takeWord('skb')) return packetLoad(line, dst, size, signed);
  line.rewind(column);
  const { base, off } = address(line);
  if (signed) wide(line, dst);
  else memoryRegister(line, dst, size);
  return one(line, { kind: 'load', size, signed }, { dst: dst.number, src: base, off });
}

function packetLoad(line: AssemblyLine, dst: Register, size: MemSize, signed: boolean): Statement {
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
    ? one(line, { kind: 'ld_abs', size }, { imm })
    : one(line, { kind: 'ld_ind', size }, { src: src.number, imm });
}

function store(line: AssemblyLine, { size, base, off }: Place): Statement {
  line.expect('=');
  const src = register(line);
  if (src !== undefined) {
    memoryRegister(line, src, size);
    return one(line, { kind: 'store', size, source: 'reg' }, { dst: base, src: src.number, off });
  }
  const column = line.column;
  const n = line.integer('a register or a number', I32_MIN, U32_MAX);
  return one(
    line,
    { kind: 'store', size, source: 'imm' },
    { dst: base, off, imm: imm32(line, column, n, size === 8 ? 64 : 32) },
  );
}

/** `lock *(u64 *)(r1 +0) += r2` */
function locked(line: AssemblyLine): Statement {
  line.expect('*');
  const { size, base, off } = place(line);
  const column = line.column;
  const { op, signed } = aluSymbol(line);
  const imm = signed ? undefined : lockedImm(op);
  if (imm === undefined) line.failAt(column, "'+=', '|=', '&=' or '^=' expected");
  const src = register(line) ?? line.fail('a register');
  memoryRegister(line, src, size);
  return one(line, { kind: 'atomic', size }, { dst: base, src: src.number, off, imm });
}

function storeRelease(line: AssemblyLine): Statement {
  line.expect('(');
  const { size, base, off } = place(line);
  line.expect(',');
  const src = register(line) ?? line.fail('a register');
  memoryRegister(line, src, size);
  line.expect(')');
  return one(line, { kind: 'atomic', size }, { dst: base, src: src.number, off, imm: ATOMICS.store_release.imm });
}

/** Behind `r1 = atomic64_fetch_add` and its kind. LLVM writes exchanges without a type: `r2 = xchg_64(r1 + 0x8, r2)`. */
function fetching(
  line: AssemblyLine,
  dst: Register,
  imm: number,
  named: MemSize | undefined,
  bare: boolean,
): Statement {
  line.expect('(');
  const column = line.column;
  const { size, base, off } = bare ? { size: named ?? 8, ...baseAndOffset(line) } : place(line);
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
  return one(line, { kind: 'atomic', size }, { dst: base, src: src.number, off, imm });
}

/** LLVM's only way to write an `ld_imm64` whose number stands for something: `ld_pseudo r1, 0x1, 0x7`. */
function pseudo(line: AssemblyLine): Statement {
  const dst = wideRegister(line);
  line.expect(',');
  const src = Number(line.integer('the kind of the number', 0n, 15n));
  line.expect(',');
  return { insns: ldImm64(dst, line.integer('a number', -(1n << 63n), (1n << 64n) - 1n), src) };
}

function conditional(line: AssemblyLine): Statement {
  const dst = register(line) ?? line.fail('a register');
  const { bits } = dst;
  const op = jumpSymbol(line);
  const src = register(line);
  if (src !== undefined) sameWidth(line, src, bits);
  // The disassembly writes negative numbers as 32 bits without a sign, whatever the width.
  const n = src === undefined ? line.integer('a register or a number', I32_MIN, U32_MAX) : 0n;
  if (!line.takeWord('goto')) line.fail("'goto'");
  const fields = { dst: dst.number, src: src?.number ?? 0, imm: Number(BigInt.asIntN(32, n)) };
  return jump(line, { kind: 'jump', op, bits, source: src === undefined ? 'imm' : 'reg' }, fields);
}

/** The target of a jump: `pc+3`, `+0x3 <name>`, `name`. */
function jump(line: AssemblyLine, operation: Operation, fields: Partial<Insn> = {}): Statement {
  const field = operation.kind === 'goto' && operation.wide ? 'imm' : 'off';
  const column = line.column;
  const relative = line.match(/pc(?=\s*[-+])/y) !== undefined;
  const name = relative ? undefined : line.word();
  if (name !== undefined) return { ...one(line, operation, fields), reference: { kind: field, name, column } };
  const bits = field === 'imm' ? 31n : 15n;
  const distance = Number(line.integer('a distance in instructions or a label', -(1n << bits), (1n << bits) - 1n));
  line.match(TARGET_NOTE);
  return one(line, operation, { ...fields, [field]: distance });
}

/** `1`, `bpf_map_lookup_elem#1`, `bpf_map_lookup_elem`, `pc+5`, `kernel-function#7`, `label`. */
function call(line: AssemblyLine): Statement {
  const column = line.column;
  const operation = { kind: 'call' } as const;
  if (line.match(/pc(?=\s*[-+])/y) !== undefined) {
    const imm = Number(line.integer('a distance', I32_MIN, I32_MAX));
    line.match(/#\S+/y);
    return one(line, operation, { src: O.BPF_PSEUDO_CALL, imm });
  }
  if (line.take('kernel-function#'))
    return one(line, operation, {
      src: O.BPF_PSEUDO_KFUNC_CALL,
      imm: Number(line.integer('a BTF id', I32_MIN, I32_MAX)),
    });
  const name = line.word();
  if (name === undefined) {
    // Of LLVM's distances only the negative ones can be told from helpers.
    const imm = Number(line.integer('a helper, a function or a number', I32_MIN, I32_MAX));
    line.match(TARGET_NOTE);
    return one(line, operation, { src: imm < 0 ? O.BPF_PSEUDO_CALL : 0, imm });
  }
  if (!line.take('#')) return { ...one(line, operation), reference: { kind: 'call', name, column } };
  const imm = Number(line.integer("a helper's number", I32_MIN, I32_MAX));
  const other = helperFunction(imm);
  if (other !== undefined && other !== name && helperNumber(name) !== undefined)
    line.failAt(column, `helper ${imm} is ${other}, not ${name}`);
  return one(line, operation, { imm });
}

const helperNumbers = new Map<string, number>(
  HELPERS.flatMap((name, id) => [
    [`bpf_${name}`, id],
    [name, id],
  ]),
);

/** The number of `bpf_map_lookup_elem` or `map_lookup_elem`. */
export function helperNumber(name: string): number | undefined {
  return helperNumbers.get(name);
}

// Parts of instructions.

const I32_MIN = -(1n << 31n);
const I32_MAX = (1n << 31n) - 1n;
const U32_MAX = (1n << 32n) - 1n;

function register(line: AssemblyLine): Register | undefined {
  const { column } = line;
  const found = line.match(REGISTER);
  if (found === undefined) return undefined;
  const number = Number(found[2]);
  if (number > O.BPF_REG_10)
    line.failAt(column, `there is no register ${found[0].slice(0, 20)}: r0 to r10 and w0 to w10 are expected`);
  return { number, bits: found[1] === 'w' ? 32 : 64, column };
}

function wideRegister(line: AssemblyLine): number {
  const found = register(line) ?? line.fail('a register');
  wide(line, found);
  return found.number;
}

function wide(line: AssemblyLine, { number, bits, column }: Register): void {
  if (bits !== 64) line.failAt(column, `r${number} expected, got w${number}`);
}

function sameWidth(line: AssemblyLine, { number, bits, column }: Register, wanted: 32 | 64): void {
  if (bits !== wanted)
    line.failAt(column, `${wanted === 32 ? `w${number}` : `r${number}`} expected, as wide as the register on the left`);
}

function sameRegister(line: AssemblyLine, found: Register, wanted: Register): void {
  const name = `${wanted.bits === 32 ? 'w' : 'r'}${wanted.number}`;
  if (found.number !== wanted.number || found.bits !== wanted.bits)
    line.failAt(found.column, `${name} expected, as on the left`);
}

/** LLVM may write the register of an access of up to 4 bytes as w, the kernel writes r. */
function memoryRegister(line: AssemblyLine, found: Register, size: MemSize): void {
  if (size === 8) wide(line, found);
}

function type(line: AssemblyLine): { readonly size: MemSize; readonly signed: boolean } {
  const [, sign, bits] = line.match(TYPE) ?? line.fail("a type such as 'u32'");
  const size = ({ 8: 1, 16: 2, 32: 4 } as const)[bits ?? ''] ?? 8;
  return { size, signed: sign === 's' };
}

/** `(u32 *)(r1 + 4)` */
function place(line: AssemblyLine): Place {
  line.expect('(');
  const { column } = line;
  const { size, signed } = type(line);
  if (signed) line.failAt(column, `u${8 * size} expected`);
  line.expect('*', ')');
  return { size, ...address(line) };
}

function address(line: AssemblyLine): { readonly base: number; readonly off: number } {
  line.expect('(');
  const found = baseAndOffset(line);
  line.expect(')');
  return found;
}

/** `r1`, `r1 +4`, `r1 - 0x4` */
function baseAndOffset(line: AssemblyLine): { readonly base: number; readonly off: number } {
  const base = wideRegister(line);
  const signed = line.match(/(?=[-+])/y) !== undefined;
  return { base, off: signed ? Number(line.integer('an offset', -0x8000n, 0x7fffn)) : 0 };
}

/** The number as `imm` holds it. Where the kernel extends its sign to 64 bits, one that this would change is refused. */
function imm32(line: AssemblyLine, column: number, n: bigint, bits: 32 | 64): number {
  if (n < I32_MIN || n > U32_MAX) line.failAt(column, `${n} does not fit into 32 bits; \`r1 = ${n} ll\` loads 64`);
  if (n > I32_MAX && bits === 64)
    line.failAt(
      column,
      `${n} would become ${BigInt.asUintN(64, BigInt.asIntN(32, n))} in 64 bits; write ${BigInt.asIntN(32, n)}, or load it with 'll'`,
    );
  return Number(BigInt.asIntN(32, n));
}

function move(line: AssemblyLine, { number, bits }: Register, fields: Partial<Insn>): Statement {
  return one(line, { kind: 'alu', op: 'mov', bits, source: 'reg' }, { dst: number, ...fields });
}

function one(line: AssemblyLine, operation: Operation, fields: Partial<Insn> = {}): Statement {
  const opcode = opcodeOf(operation) ?? line.failAt(1, 'there is no such instruction');
  return { insns: [insn(opcode, fields)] };
}

function insn(opcode: number, fields: Partial<Insn> = {}): Insn {
  return { opcode, dst: 0, src: 0, off: 0, imm: 0, ...fields };
}

function hex(opcode: number): string {
  return opcode.toString(16).padStart(2, '0');
}
