import { type AluOp, BPF_ADDR_SPACE_CAST, type Insn, type Operation } from '../../../isa/index.ts';
import { BPF_F_TEST_REG_INVARIANTS } from '../../../uapi/bpf.ts';
import { pushBranch } from './branches.ts';
import { BPF_MAX_VAR_OFF, type Env } from './env.ts';
import { NARROWED } from './insn-facts.ts';
import { add, Int64, isBelow, isSame, ONES, S64_MIN, subtract } from './int64.ts';
import { markPrecise } from './precision.ts';
import { MAYBE_NULL, Reg, type RegKind, UNKNOWN, UNTRUSTED } from './reg.ts';
import { readReg, writeReg } from './reg-access.ts';
import { S32_MAX, S32_MIN, Scalar, UNKNOWN_SCALAR, ZERO_SCALAR } from './scalar.ts';
import {
  addSigned,
  type ScalarOp,
  scalarAlu,
  scalarNeg,
  scalarSwapped,
  signExtended,
  signExtended32,
  subtractSigned,
  widthOf,
  zeroExtended,
} from './scalar-alu.ts';
import { Tnum, tnumAdd, tnumSub } from './tnum.ts';
import { kindText } from './type-text.ts';

type Alu = Extract<Operation, { kind: 'alu' }>;

/** How the log writes operators. */
// biome-ignore format: aligned table
const OPERATORS: Readonly<Record<AluOp, string>> = {
  add: '+=', sub: '-=', mul: '*=', div: '/=', or: '|=', and: '&=', lsh: '<<=', rsh: '>>=', mod: '%=', xor: '^=', mov: '=', arsh: 's>>=',
};
/** Pointers that an offset may be added to. */
const MOVABLE: ReadonlySet<RegKind> = new Set<RegKind>([
  'ctx',
  'map_value',
  'map_key',
  'stack',
  'packet_meta',
  'packet',
  'tp_buffer',
  'btf_id',
  'mem',
  'buf',
  'func',
  'dynptr',
]);

export function checkAlu(env: Env, insn: Insn, operation: Alu): void {
  if (operation.op === 'mov' && castsArena(insn, operation) && !env.usesArena)
    env.fail('EINVAL', 'addr_space_cast insn can only be used in a program that has an associated arena');
  if (operation.source === 'reg') readReg(env, insn.src);
  if (operation.op === 'mov') {
    writeReg(env, insn.dst);
    move(env, insn, operation);
    return;
  }
  readReg(env, insn.dst);
  if ((operation.op === 'div' || operation.op === 'mod') && operation.source === 'imm' && insn.imm === 0)
    env.fail('EINVAL', 'div by zero');
  if (operation.op === 'lsh' || operation.op === 'rsh' || operation.op === 'arsh')
    if (operation.source === 'imm' && (insn.imm < 0 || insn.imm >= operation.bits))
      env.fail('EINVAL', `invalid shift ${insn.imm}`);
  writeReg(env, insn.dst);
  combine(env, insn, operation);
  checkInvariants(env, insn.dst);
}

export function checkNegOrEnd(env: Env, insn: Insn, operation: Operation): void {
  readReg(env, insn.dst);
  writeReg(env, insn.dst);
  const reg = env.reg(insn.dst);
  if (reg.kind !== 'scalar') {
    env.setReg(insn.dst, UNKNOWN);
    return;
  }
  const num =
    operation.kind === 'neg'
      ? scalarNeg(reg.num, operation.bits)
      : scalarSwapped(reg.num, insn.imm / 8, operation.kind === 'end' && operation.to !== 'le');
  env.setReg(insn.dst, reg.withResult(num));
  checkInvariants(env, insn.dst);
}

function move(env: Env, insn: Insn, { bits, source }: Alu): void {
  if (source === 'imm') {
    env.setReg(insn.dst, bits === 64 ? env.immediate() : Reg.known(Int64.fromUint(insn.imm)));
    return;
  }
  if (castsArena(insn, { bits })) {
    env.setReg(insn.dst, insn.imm === 1 ? Reg.pointer('arena') : UNKNOWN);
    return;
  }
  const src = env.reg(insn.src);
  if (bits === 64 && insn.off === 0) {
    env.setReg(insn.dst, assignId(env, insn.src));
    return;
  }
  if (src.kind !== 'scalar') {
    const unknown = UNKNOWN_SCALAR.copy();
    env.setReg(insn.dst, Reg.scalar(bits === 64 ? unknown : zeroExtended(unknown)));
    return;
  }
  const fits = insn.off === 0 ? widthOf(src.num) <= 32 : src.num.umax.unsignedNumber < 2 ** (insn.off - 1);
  const kept = fits ? assignId(env, insn.src) : src.unlinked();
  const num =
    bits === 64
      ? signExtended(src.num, insn.off / 8)
      : insn.off === 0
        ? zeroExtended(src.num.copy())
        : signExtended32(src.num, insn.off / 8);
  env.setReg(insn.dst, kept.withNum(num));
}

/** Of moves between registers: one that makes a pointer into an arena out of a number, or the reverse. */
function castsArena({ off }: Insn, { bits }: Pick<Alu, 'bits'>): boolean {
  return bits === 64 && off === BPF_ADDR_SPACE_CAST;
}

/** Gives the number in a register an id, so that what is learnt of a copy is learnt of it. */
export function assignId(env: Env, regno: number): Reg {
  let reg = env.reg(regno);
  if (reg.kind !== 'scalar') return reg;
  if (reg.added !== 0) reg = reg.unlinked();
  if (reg.id === 0 && !reg.num.isConst) reg = reg.withId(env.newId());
  env.frame.regs[regno] = reg;
  return reg;
}

function combine(env: Env, insn: Insn, operation: Alu): void {
  const dst = env.reg(insn.dst);
  const src = operation.source === 'reg' ? env.reg(insn.src) : env.immediate();
  if (dst.kind === 'arena' || src.kind === 'arena') {
    if (operation.bits === 64) env.facts.mark(env.insn, NARROWED);
    env.setReg(insn.dst, dst.kind === 'arena' ? dst : src);
    return;
  }
  if (src.kind !== 'scalar') {
    if (dst.kind !== 'scalar') {
      if (operation.op === 'sub') env.setReg(insn.dst, UNKNOWN);
      else env.fail('EACCES', `R${insn.dst} pointer ${OPERATORS[operation.op]} pointer prohibited`);
      return;
    }
    markPrecise(env, insn.dst);
    movePointer(env, insn, operation, commuted(src), env.reg(insn.dst), false);
    return;
  }
  if (dst.kind !== 'scalar') {
    if (operation.source === 'reg') markPrecise(env, insn.src);
    movePointer(env, insn, operation, dst, operation.source === 'reg' ? env.reg(insn.src) : src, true);
    return;
  }
  if (operation.source === 'reg' && dst.precise) markPrecise(env, insn.src);
  combineScalars(env, insn, operation, src.num);
}

/** `offset += pointer` is the same pointer, but for what else was known of it: Linux keeps its kind and id alone. */
function commuted(pointer: Reg): Reg {
  return pointer.with({ frameno: 0, dynptrId: 0, refObjId: 0 });
}

function combineScalars(env: Env, insn: Insn, { op, bits, source }: Alu, src: Scalar): void {
  if (op === 'div' || op === 'mod' || op === 'mov') {
    env.setReg(insn.dst, UNKNOWN);
    return;
  }
  if ((op === 'and' || op === 'or') && src.isConst) forkMask(env, insn.dst);
  const dst = env.reg(insn.dst);
  const num = scalarAlu(op satisfies ScalarOp, dst.num, src, bits);
  if (num === undefined) {
    env.setReg(insn.dst, UNKNOWN);
    return;
  }
  const delta = source === 'reg' && insn.src === insn.dst ? undefined : deltaOf(op, src, bits);
  // A 32-bit sum says nothing of an upper half that it cuts off.
  const isWhole = bits === 64 || dst.num.umax.high === 0;
  const linked = dst.id !== 0 && dst.added === 0 && isWhole && delta !== undefined;
  env.setReg(insn.dst, linked ? dst.with({ num, added: bits, off: delta }) : dst.withResult(num));
}

/** The constant that is added, as a signed 32-bit number; `undefined`: none. */
function deltaOf(op: ScalarOp, src: Scalar, bits: 32 | 64): number | undefined {
  if ((op !== 'add' && op !== 'sub') || !(bits === 32 ? src.isConst32 : src.isConst)) return undefined;
  const value = bits === 32 ? src.value.low : src.value.number;
  if (value > S32_MAX || value < S32_MIN) return undefined;
  if (op === 'add') return value;
  return value === S32_MIN ? undefined : 0 - value;
}

/** What is 0 or -1, as compilers make it of a condition, is followed as either. */
function forkMask(env: Env, regno: number): void {
  const reg = env.reg(regno);
  const { num } = reg;
  const wide = isSame(num.smin, ONES) && num.smax.isZero;
  if (!wide && !(num.s32min === -1 && num.s32max === 0)) return;
  const branch = pushBranch(env, env.insn, env.insn);
  const zero = wide ? ZERO_SCALAR : withLow32(num, 0);
  branch.frame.regs[regno] = reg.withNum(zero);
  env.setReg(regno, reg.withNum(wide ? Scalar.int(-1) : withLow32(num, -1)));
}

function withLow32(num: Scalar, low: number): Scalar {
  const r = num.copy();
  r.tnum = new Tnum(new Int64(num.tnum.value.high, low), new Int64(num.tnum.mask.high, 0));
  r.s32min = r.s32max = low;
  r.u32min = r.u32max = low;
  return r;
}

/** `pointer op= offset`, or `offset += pointer`. */
function movePointer(env: Env, insn: Insn, { op, bits }: Alu, pointer: Reg, offset: Reg, pointerIsDst: boolean): void {
  const dst = insn.dst;
  const { num } = offset;
  if (num.isContradictory) {
    env.setReg(dst, UNKNOWN);
    return;
  }
  if (bits === 32) {
    if (op !== 'sub') env.fail('EACCES', `R${dst} 32-bit pointer arithmetic prohibited`);
    env.setReg(dst, UNKNOWN);
    return;
  }
  const text = kindText(pointer.kind, pointer.flags);
  if (pointer.has(MAYBE_NULL))
    env.fail('EACCES', `R${dst} pointer arithmetic on ${text} prohibited, null-check it first`);
  if (pointer.kind === 'mem' && pointer.has(UNTRUSTED)) {
    // Loads through it are probed: its offset does not matter.
    return;
  }
  const isKnown = num.isConst;
  const allowed =
    MOVABLE.has(pointer.kind) ||
    (pointer.kind === 'flow_keys' && isKnown) ||
    ((pointer.kind === 'map_ptr' || pointer.kind === 'flow_keys') && isKnown && num.smin.isZero && op === 'add');
  if (!allowed) env.fail('EACCES', `R${dst} pointer arithmetic on ${text} prohibited`);
  checkOffset(env, offset, text);
  checkOffset(env, pointer, text);
  if (op === 'sub' && !pointerIsDst) env.fail('EACCES', `R${dst} tried to subtract pointer from scalar`);
  if (op === 'sub' && pointer.kind === 'stack') env.fail('EACCES', `R${dst} subtraction from stack pointer prohibited`);
  if (op === 'and' || op === 'or' || op === 'xor')
    env.fail('EACCES', `R${dst} bitwise operator ${OPERATORS[op]} on pointer prohibited`);
  if (op !== 'add' && op !== 'sub')
    env.fail('EACCES', `R${dst} pointer arithmetic with ${OPERATORS[op]} operator prohibited`);
  const moved = op === 'add' ? addOffset(env, pointer, num) : subtractOffset(env, pointer, num);
  checkOffset(env, moved, text);
  env.setReg(dst, moved);
}

function addOffset(env: Env, pointer: Reg, num: Scalar): Reg {
  const sum = pointer.off + num.smin.number;
  if (num.isConst && (sum | 0) === sum) return fixed(pointer, sum);
  const r = new Scalar();
  addSigned(r, pointer.num, num);
  const high = add(pointer.num.umax, num.umax);
  if (!isBelow(high, num.umax)) {
    r.umin = add(pointer.num.umin, num.umin);
    r.umax = high;
  }
  r.tnum = tnumAdd(pointer.num.tnum, num.tnum);
  return variable(env, pointer, r, true);
}

function subtractOffset(env: Env, pointer: Reg, num: Scalar): Reg {
  const difference = pointer.off - num.smin.number;
  if (num.isConst && (difference | 0) === difference) return fixed(pointer, difference);
  const r = new Scalar();
  subtractSigned(r, pointer.num, num);
  if (!isBelow(pointer.num.umin, num.umax)) {
    r.umin = subtract(pointer.num.umin, num.umax);
    r.umax = subtract(pointer.num.umax, num.umin);
  }
  r.tnum = tnumSub(pointer.num.tnum, num.tnum);
  return variable(env, pointer, r, num.smin.isNegative);
}

function fixed(pointer: Reg, off: number): Reg {
  return pointer.withOff(off);
}

/** The range of a packet that was proved is lost where the pointer may have moved on. */
function variable(env: Env, pointer: Reg, r: Scalar, losesRange: boolean): Reg {
  r.sync();
  if (!pointer.isPacket) return pointer.withNum(r);
  return pointer.with({ num: r, id: env.newId(), range: losesRange ? 0 : pointer.range });
}

/** No part of an offset is so large that sums of them could overflow. */
function checkOffset(env: Env, reg: Reg, text: string): void {
  const { num } = reg;
  if (num.isConst && Math.abs(num.value.number) >= BPF_MAX_VAR_OFF)
    env.fail('EINVAL', `math between ${text} pointer and ${num.value.signed} is not allowed`);
  if (reg.off >= BPF_MAX_VAR_OFF || reg.off <= -BPF_MAX_VAR_OFF)
    env.fail('EINVAL', `${text} pointer offset ${reg.off} is not allowed`);
  if (isSame(num.smin, S64_MIN))
    env.fail('EINVAL', `math between ${text} pointer and register with unbounded min value is not allowed`);
  if (Math.abs(num.smin.number) >= BPF_MAX_VAR_OFF)
    env.fail('EINVAL', `value ${num.smin.signed} makes ${text} pointer be out of bounds`);
}

/** What cannot be any number is on a path that is never taken: it may be anything. */
export function checkInvariants(env: Env, regno: number): void {
  const reg = env.reg(regno);
  if (reg.kind !== 'scalar' || !reg.num.isContradictory) return;
  env.frame.regs[regno] = reg.withNum(unbounded(env, reg.num));
}

export function unbounded(env: Env, num: Scalar): Scalar {
  if ((env.program.flags & BPF_F_TEST_REG_INVARIANTS) !== 0) env.fail('EFAULT', 'REG INVARIANTS VIOLATION');
  const r = num.copy();
  r.unbound64();
  r.unbound32();
  return r;
}
