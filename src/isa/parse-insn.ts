import { HELPERS, helperFunction } from '../uapi/helpers.ts';
import { type Insn, ldImm64 } from './insn.ts';
import * as O from './opcode.ts';
import type { AssemblyLine } from './parse-line.ts';
import { fetching, fetchingOf, load, loadAcquire, locked, store, storeRelease } from './parse-memory.ts';
import { aluSymbol, createInsn, jumpSymbol } from './parse-opcode.ts';
import {
  I32_MAX,
  I32_MIN,
  imm32,
  place,
  type Register,
  register,
  sameRegister,
  sameWidth,
  type,
  U32_MAX,
  wide,
  wideRegister,
} from './parse-operand.ts';
import type { Operation } from './table.ts';

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
  if (line.take('*')) return { insns: [store(line, place(line))] };
  const dst = register(line);
  if (dst !== undefined) return assignment(line, dst, prefix);
  const column = line.column;
  switch (line.word()) {
    case 'exit':
      return one(line, { kind: 'exit' });
    case 'nospec':
      return { insns: [{ opcode: O.BPF_NOSPEC, dst: 0, src: 0, off: 0, imm: 0 }] };
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
      return { insns: [locked(line)] };
    case 'store_release':
      return { insns: [storeRelease(line)] };
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
  if (line.take('*')) return { insns: [load(line, dst)] };
  if (line.take('&')) {
    wide(line, dst);
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
    wide(line, dst);
    line.expect('(');
    const src = wideRegister(line);
    const spaces = [0, 0].map(() => {
      line.expect(',');
      return Number(line.integer('an address space', 0n, 0xffffn));
    });
    line.expect(')');
    return move(line, dst, { src, off: O.BPF_ADDR_SPACE_CAST, imm: ((spaces[0] ?? 0) << 16) | (spaces[1] ?? 0) });
  }
  if (word === 'load_acquire') return { insns: [loadAcquire(line, dst)] };
  const atomic = fetchingOf(word);
  if (atomic !== undefined) return { insns: [fetching(line, dst, atomic)] };
  wide(line, dst);
  if (word === 'map' && line.take('[')) return mapReference(line, dst.number);
  if (word === 'subprog' && line.take('[')) {
    const distance = Number(line.integer("a function's distance", -0x7fffffffn, 0x80000000n)) - 1;
    line.expect(']');
    return { insns: ldImm64(dst.number, BigInt.asUintN(32, BigInt(distance)), O.BPF_PSEUDO_FUNC) };
  }
  const sum = line.take('+');
  const valueOffset = sum ? Number(line.integer('an offset', 0n, 0xffffffffn)) : undefined;
  if (!line.takeWord('ll') && prefix !== O.LD_IMM64) {
    line.rewind(column);
    line.fail("a register, a number, or a name and 'll'");
  }
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

const helperNumbers = new Map<string, number>(HELPERS.map((name, id) => [`bpf_${name}`, id]));

/** 1 for `bpf_map_lookup_elem`; `undefined`: no helper has this name. */
export function helperNumber(name: string): number | undefined {
  return helperNumbers.get(name);
}

function move(line: AssemblyLine, { number, bits }: Register, fields: Partial<Insn>): Statement {
  return one(line, { kind: 'alu', op: 'mov', bits, source: 'reg' }, { dst: number, ...fields });
}

function one(line: AssemblyLine, operation: Operation, fields: Partial<Insn> = {}): Statement {
  return { insns: [createInsn(line, operation, fields)] };
}

function hex(opcode: number): string {
  return opcode.toString(16).padStart(2, '0');
}
