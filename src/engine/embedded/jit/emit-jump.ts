import type { JumpOp } from '../../../isa/index.ts';
import { opOf } from './emit-alu.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';
import type { NumberType } from './wasm-op.ts';

/** As WebAssembly names the comparisons. */
const COMPARISONS: Record<Exclude<JumpOp, 'jset'>, string> = {
  jeq: 'eq',
  jne: 'ne',
  jgt: 'gt_u',
  jge: 'ge_u',
  jlt: 'lt_u',
  jle: 'le_u',
  jsgt: 'gt_s',
  jsge: 'ge_s',
  jslt: 'lt_s',
  jsle: 'le_s',
};

/** Puts on the stack whether a jump is taken. */
export function emitCondition(text: FunctionText, op: Op): void {
  const { operation } = op;
  if (operation.kind !== 'jump') return;
  const { code } = text;
  const isImmediate = operation.source === 'imm';
  const right = isImmediate ? undefined : text.value(op.src);
  const narrow = text.isNarrow(op.dst) && (isImmediate ? op.imm >= 0 : right !== undefined && text.isNarrow(op.src));
  if (operation.op === 'jset') {
    const low = operation.bits === 32 || narrow || (isImmediate && op.imm >= 0);
    emitBoth(text, op, low ? 'i32' : 'i64');
    code.op(low ? 'i32_and' : 'i64_and');
    if (low) return;
    code.i64(0, 0);
    code.op('i64_ne');
    return;
  }
  const type: NumberType = operation.bits === 32 || narrow ? 'i32' : 'i64';
  if (isImmediate && op.imm === 0 && operation.op === 'jeq') {
    if (type === 'i32') text.read32(op.dst);
    else text.read64(op.dst);
    code.op(opOf(type, 'eqz'));
    return;
  }
  if (isImmediate && op.imm === 0 && operation.op === 'jne' && type === 'i32') {
    text.read32(op.dst);
    return;
  }
  emitBoth(text, op, type);
  const name = COMPARISONS[operation.op];
  // Numbers whose high words are 0 are not negative as numbers of 64 bits.
  code.op(opOf(type, operation.bits === 64 && narrow ? name.replace('_s', '_u') : name));
}

function emitBoth(text: FunctionText, op: Op, type: NumberType): void {
  const { operation, imm } = op;
  const isImmediate = 'source' in operation && operation.source === 'imm';
  if (type === 'i32') {
    text.read32(op.dst);
    if (isImmediate) text.code.i32(imm);
    else text.read32(op.src);
  } else {
    text.read64(op.dst);
    if (isImmediate) text.code.i64(imm, imm >> 31);
    else text.read64(op.src);
  }
}
