import { type AluOp, BPF_ADDR_SPACE_CAST } from '../../../isa/index.ts';
import { emitSwap16, emitSwap32, emitSwap64 } from './emit-swap.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';
import { ANYTHING, bitsOf } from './value.ts';
import type { NumberType, OpName } from './wasm-op.ts';

/** Operations that are one instruction of WebAssembly, as its name without the type. */
const SIMPLE: Partial<Record<AluOp, string>> = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  and: 'and',
  or: 'or',
  xor: 'xor',
  lsh: 'shl',
  rsh: 'shr_u',
  arsh: 'shr_s',
};

const NAMES: Readonly<Record<NumberType, Map<string, OpName>>> = { i32: new Map(), i64: new Map() };

/** The operation of a type. Names are put together once. */
export function opOf(type: NumberType, name: string): OpName {
  const known = NAMES[type].get(name);
  if (known !== undefined) return known;
  const op = `${type}_${name}` as OpName; // the names are of the table
  NAMES[type].set(name, op);
  return op;
}

export function emitAlu(text: FunctionText, op: Op): void {
  const { operation } = op;
  if (operation.kind !== 'alu') return;
  const type = text.resultType;
  if (type === undefined) return;
  if (operation.op === 'mov') emitMove(text, op, type);
  else if (operation.op === 'div' || operation.op === 'mod') emitDivision(text, op, type);
  else emitSimple(text, op, type);
}

function emitSimple(text: FunctionText, op: Op, type: NumberType): void {
  const { operation } = op;
  if (operation.kind !== 'alu') return;
  const simple = SIMPLE[operation.op];
  if (simple === undefined) throw new Error(`no operation ${operation.op}`);
  const shifts = operation.op === 'lsh' || operation.op === 'rsh' || operation.op === 'arsh';
  // Bits of a number that is cut off are those of the numbers cut off, but for what moves down from above.
  const down = operation.op === 'rsh' || operation.op === 'arsh';
  const narrow = operation.bits === 32 || (type === 'i32' && (!down || text.isNarrow(op.dst)));
  if (operation.bits === 64 && narrow && shifts) {
    emitNarrowShift(text, op, type);
    return;
  }
  const within: NumberType = narrow ? 'i32' : 'i64';
  if (narrow) text.read32(op.dst);
  else text.read64(op.dst);
  if (shifts && !narrow && operation.source === 'reg') emitShiftCount(text, op);
  else emitRight(text, op, within);
  text.code.op(opOf(within, simple));
  text.writeAs(op.dst, within, type);
}

/** The right operand. An immediate is sign-extended. */
function emitRight(text: FunctionText, op: Op, type: NumberType): void {
  const { operation } = op;
  const isImmediate = 'source' in operation && operation.source === 'imm';
  if (type === 'i32') {
    if (isImmediate) text.code.i32(op.imm);
    else text.read32(op.src);
  } else if (isImmediate) text.code.i64(op.imm, op.imm >> 31);
  else text.read64(op.src);
}

/** Only the low bits of a count matter, here as in WebAssembly. */
function emitShiftCount(text: FunctionText, op: Op): void {
  if (text.places[op.src] === 'i64') text.read64(op.src);
  else {
    text.read32(op.src);
    text.code.op('i64_extend_i32_u');
  }
}

/** A shift of 64 bits, of whose result the low word is wanted, or has all. */
function emitNarrowShift(text: FunctionText, op: Op, type: NumberType): void {
  const { operation } = op;
  if (operation.kind !== 'alu') return;
  const { code } = text;
  if (operation.source === 'imm') {
    const by = op.imm & 63;
    if (by >= 32) code.i32(0);
    else {
      text.read32(op.dst);
      code.i32(by);
      code.op(operation.op === 'lsh' ? 'i32_shl' : 'i32_shr_u');
    }
    text.writeAs(op.dst, 'i32', type);
    return;
  }
  text.read64(op.dst);
  emitShiftCount(text, op);
  code.op(operation.op === 'lsh' ? 'i64_shl' : 'i64_shr_u');
  text.writeAs(op.dst, 'i64', type);
}

function emitMove(text: FunctionText, op: Op, type: NumberType): void {
  const { operation, off } = op;
  if (operation.kind !== 'alu') return;
  const { code } = text;
  if (off === BPF_ADDR_SPACE_CAST) {
    emitUserAddress(text, op, type);
    return;
  }
  if (off !== 0) {
    const within: NumberType = operation.bits === 32 || type === 'i32' ? 'i32' : 'i64';
    if (within === 'i32') text.read32(op.src);
    else text.read64(op.src);
    // 32 bits of a low word are that word.
    if (within === 'i64' || off < 32) code.op(opOf(within, `extend${off}_s`));
    text.writeAs(op.dst, within, type);
    return;
  }
  if (operation.bits === 32 || type === 'i32') emitRight(text, op, 'i32');
  else emitRight(text, op, 'i64');
  text.writeAs(op.dst, operation.bits === 32 || type === 'i32' ? 'i32' : 'i64', type);
}

/** A pointer into the arena as the address in user space: with its high word, which is in `imm`; but 0 stays 0. */
function emitUserAddress(text: FunctionText, op: Op, type: NumberType): void {
  const { code } = text;
  if (type === 'i64') {
    text.read32(op.src);
    code.op('i64_extend_i32_u');
    code.i64(0, op.imm);
    code.op('i64_or');
    code.i64(0, 0);
    text.read32(op.src);
    code.op('select');
  } else text.read32(op.src);
  text.write(op.dst, type);
}

/** Dividing by 0 gives 0, and leaves the whole as rest; the smallest number by -1 is itself. */
function emitDivision(text: FunctionText, op: Op, type: NumberType): void {
  const { operation, off } = op;
  if (operation.kind !== 'alu') return;
  const { code } = text;
  const signed = off === 1;
  const rest = operation.op === 'mod';
  const right = operation.source === 'imm' ? undefined : text.value(op.src);
  const fixed =
    operation.source === 'imm'
      ? { low: op.imm, high: operation.bits === 64 ? op.imm >> 31 : 0 }
      : right?.kind === 'const'
        ? right
        : undefined;
  const bothNarrow = text.isNarrow(op.dst) && (fixed === undefined ? text.isNarrow(op.src) : fixed.high === 0);
  const within: NumberType = operation.bits === 32 || (bothNarrow && !signed) ? 'i32' : 'i64';
  const name = opOf(within, `${rest ? 'rem' : 'div'}_${signed ? 's' : 'u'}`);
  const zero = fixed !== undefined && fixed.low === 0 && (within === 'i32' || fixed.high === 0);
  const left = () => (within === 'i32' ? text.read32(op.dst) : text.read64(op.dst));
  const nothing = () => (within === 'i32' ? code.i32(0) : code.i64(0, 0));
  if (zero) {
    if (rest) left();
    else nothing();
  } else if (fixed !== undefined && !(signed && fixed.low === -1)) {
    left();
    emitRight(text, op, within);
    code.op(name);
  } else {
    text.withLocal(within, (divisor) => {
      emitRight(text, op, within);
      code.tee(divisor);
      code.op(opOf(within, 'eqz'));
      code.block('if', within);
      if (rest) left();
      else nothing();
      code.op('else');
      if (signed && !rest) emitSignedQuotient(text, within, divisor, left);
      else if (within === 'i64' && !signed) emitQuotient(text, divisor, left, rest);
      else {
        left();
        code.get(divisor);
        code.op(name);
      }
      code.end();
    });
  }
  text.writeAs(op.dst, within, type);
}

/** Dividing 32 bits takes a processor a fraction of the time that 64 bits take. */
function emitQuotient(text: FunctionText, divisor: number, left: () => void, rest: boolean): void {
  const { code } = text;
  left();
  code.get(divisor);
  code.op('i64_or');
  code.i64(32, 0);
  code.op('i64_shr_u');
  code.op('i64_eqz');
  code.block('if', 'i64');
  left();
  code.op('i32_wrap_i64');
  code.get(divisor);
  code.op('i32_wrap_i64');
  code.op(rest ? 'i32_rem_u' : 'i32_div_u');
  code.op('i64_extend_i32_u');
  code.op('else');
  left();
  code.get(divisor);
  code.op(rest ? 'i64_rem_u' : 'i64_div_u');
  code.end();
}

/** By -1 it is the negative, which WebAssembly does not divide where it does not fit. */
function emitSignedQuotient(text: FunctionText, type: NumberType, divisor: number, left: () => void): void {
  const { code } = text;
  code.get(divisor);
  if (type === 'i32') code.i32(-1);
  else code.i64(-1, -1);
  code.op(opOf(type, 'eq'));
  code.block('if', type);
  if (type === 'i32') code.i32(0);
  else code.i64(0, 0);
  left();
  code.op(opOf(type, 'sub'));
  code.op('else');
  left();
  code.get(divisor);
  code.op(opOf(type, 'div_s'));
  code.end();
}

export function emitNegation(text: FunctionText, op: Op): void {
  const { operation } = op;
  const type = text.resultType;
  if (type === undefined || operation.kind !== 'neg') return;
  const within: NumberType = operation.bits === 32 || type === 'i32' ? 'i32' : 'i64';
  if (within === 'i32') text.code.i32(0);
  else text.code.i64(0, 0);
  if (within === 'i32') text.read32(op.dst);
  else text.read64(op.dst);
  text.code.op(opOf(within, 'sub'));
  text.writeAs(op.dst, within, type);
}

/** Byte order: WebAssembly has no instruction for it. */
export function emitSwap(text: FunctionText, op: Op): void {
  const { operation, imm, dst } = op;
  const type = text.resultType;
  if (type === undefined || operation.kind !== 'end') return;
  const { code } = text;
  if (operation.to === 'le') {
    if (imm === 64) {
      if (type === 'i32') text.read32(dst);
      else text.read64(dst);
      text.write(dst, type);
      return;
    }
    text.read32(dst);
    if (imm === 16) {
      code.i32(0xffff);
      code.op('i32_and');
    }
    text.writeAs(dst, 'i32', type);
    return;
  }
  if (imm === 64) {
    text.withLocal('i64', (local) => {
      text.read64(dst);
      code.set(local);
      emitSwap64(code, local);
    });
    text.writeAs(dst, 'i64', type);
    return;
  }
  const narrow = bitsOf(text.value(dst) ?? ANYTHING) <= 16;
  text.withLocal('i32', (local) => {
    text.read32(dst);
    code.set(local);
    if (imm === 16) emitSwap16(code, local, narrow);
    else emitSwap32(code, local);
  });
  text.writeAs(dst, 'i32', type);
}
