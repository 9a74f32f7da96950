import type { Insn, JumpOp, Operation } from '../../../isa/index.ts';
import { unbounded } from './alu.ts';
import { FLIPPED, isTaken, refine, refineLeft } from './branch.ts';
import { pushBranch } from './branches.ts';
import { isTrusted } from './btf-access.ts';
import type { Env } from './env.ts';
import { notNull } from './helper-memory.ts';
import { pushHistory } from './history.ts';
import { Int64 } from './int64.ts';
import { fieldsAt } from './local-struct.ts';
import { findPreviousEntry, widenImprecise } from './loops.ts';
import { MAX_PACKET_OFF } from './memory.ts';
import { markPrecise } from './precision.ts';
import { AT_PKT_END, BEYOND_PKT_END, KNOWN_ZERO, RCU, type Reg, type RegKind, UNTRUSTED } from './reg.ts';
import { readReg } from './reg-access.ts';
import { Scalar } from './scalar.ts';
import { scalarAlu } from './scalar-alu.ts';
import { isSpilled } from './stack-slot.ts';
import type { LinkedReg, State } from './state.ts';

type Jump = Extract<Operation, { kind: 'jump' }>;

/** Numbers that are linked, at most. */
const MAX_LINKED = 6;

/** A conditional jump: both ways are followed, unless only one can be taken. Returns the instruction to go on at. */
export function checkJump(env: Env, insn: Insn, operation: Jump): number {
  const { op, bits, source } = operation;
  readReg(env, insn.dst);
  env.checkFields();
  if (source === 'reg') readReg(env, insn.src);
  const dst = env.reg(insn.dst);
  const src = source === 'reg' ? env.reg(insn.src) : env.immediate();
  const srcIsStack = source === 'reg' && src.kind === 'stack';
  if (srcIsStack || dst.kind === 'stack') {
    const entry = pushHistory(env);
    entry.srcIsStack = srcIsStack;
    entry.dstIsStack = dst.kind === 'stack';
  }
  const taken = predict(op, dst, src, bits);
  const target = env.insn + 1 + insn.off;
  if (taken !== undefined) {
    if (dst.kind === 'scalar') markPrecise(env, insn.dst);
    if (source === 'reg' && src.kind === 'scalar') markPrecise(env, insn.src);
    if (env.log.follows) env.printer.printTouched();
    return taken ? target : env.insn + 1;
  }
  const linked = collectLinked(env, source === 'reg' ? env.reg(insn.src) : undefined, env.reg(insn.dst));
  if (linked.length > 1) pushHistory(env).linked = linked;
  const other = pushBranch(env, target, env.insn, 'EFAULT');
  learn(env, insn, operation, other, linked);
  if (env.log.follows) env.printer.printTouched();
  return env.insn + 1;
}

/** may_goto: it goes on until it was passed often enough. */
export function checkMayGoto(env: Env, insn: Insn): number {
  const before = findPreviousEntry(env, env.state.parent, env.insn);
  const next = pushBranch(env, env.insn + 1, env.insn);
  next.mayGotoDepth++;
  if (before !== undefined) widenImprecise(before, next);
  return env.insn + 1 + insn.off;
}

/** Whether the jump is taken, where that can be told. */
function predict(op: JumpOp, dst: Reg, src: Reg, bits: 32 | 64): boolean | undefined {
  if (dst.isAnyPacket && src.isAnyPacket && bits === 64) return predictPacket(op, dst, src);
  if (dst.kind === 'scalar' && src.kind === 'scalar') return isTaken(op, dst.num, src.num, bits);
  if (bits === 32) return undefined;
  const [pointer, number, condition] = src.isConst ? [dst, src, op] : [src, dst, FLIPPED[op]];
  if (!number.isConst || !isNotNull(pointer) || !number.isNull) return undefined;
  return condition === 'jeq' ? false : condition === 'jne' ? true : undefined;
}

function predictPacket(op: JumpOp, dst: Reg, src: Reg): boolean | undefined {
  const [packet, condition] =
    src.kind === 'packet_end' ? [dst, op] : dst.kind === 'packet_end' ? [src, FLIPPED[op]] : [undefined, op];
  if (packet === undefined || packet.range >= 0) return undefined;
  if (condition === 'jle' || condition === 'jgt')
    return packet.range === BEYOND_PKT_END ? condition === 'jgt' : undefined;
  if (condition === 'jlt' || condition === 'jge') return condition === 'jge';
  return undefined;
}

const NEVER_NULL: ReadonlySet<RegKind> = new Set<RegKind>([
  'socket',
  'tcp_sock',
  'map_value',
  'map_key',
  'sock_common',
  'mem',
  'map_ptr',
]);

/** A pointer that surely is none to nothing. */
function isNotNull(reg: Reg): boolean {
  if (reg.mayBeNull) return false;
  if (reg.kind === 'mem') return !reg.has(UNTRUSTED);
  return NEVER_NULL.has(reg.kind) || (reg.kind === 'btf_id' && isTrusted(reg));
}

function learn(env: Env, insn: Insn, operation: Jump, other: State, linked: readonly LinkedReg[]): void {
  const { op, bits, source } = operation;
  const here = env.state;
  const dst = env.reg(insn.dst);
  const src = source === 'reg' ? env.reg(insn.src) : env.immediate();
  if (dst.kind === 'scalar' && src.kind === 'scalar') {
    const same = source === 'reg' && insn.src === insn.dst;
    for (const [state, taken] of [
      [other, true],
      [here, false],
    ] as const) {
      if (source === 'imm') setNumber(env, state, insn.dst, refineLeft(op, taken, dst.num, src.num, bits));
      else if (same) {
        const num = refineLeft(op, taken, dst.num, dst.num, bits);
        if (!num.isContradictory) setNumber(env, state, insn.dst, num);
      } else {
        const [a, b] = refine(op, taken, dst.num, src.num, bits);
        setNumber(env, state, insn.dst, a);
        setNumber(env, state, insn.src, b);
      }
    }
  }
  for (const state of [here, other]) {
    if (source === 'reg' && src.kind === 'scalar' && src.id !== 0) syncLinked(state, insn.src, linked);
    if (dst.kind === 'scalar' && dst.id !== 0) syncLinked(state, insn.dst, linked);
  }
  if (bits === 32) return;
  if (source === 'imm') {
    if (insn.imm === 0 && (op === 'jeq' || op === 'jne') && dst.mayBeNull) {
      setNull(env, here, insn.dst, op === 'jne');
      setNull(env, other, insn.dst, op === 'jeq');
    }
    return;
  }
  if (op === 'jeq' || op === 'jne') learnFromEqual(insn, op === 'jeq' ? other : here, dst, src);
  comparePackets(op, insn, dst, src, here, other);
}

function setNumber(env: Env, state: State, regno: number, num: Scalar): void {
  const reg = state.frame.reg(regno);
  const kept = num.isContradictory ? unbounded(env, num) : num;
  state.frame.regs[regno] = reg.withNum(kept);
}

/** What may be NULL and equals what is not, is not. */
function learnFromEqual(insn: Insn, equal: State, dst: Reg, src: Reg): void {
  if (dst.kind === 'scalar' || src.kind === 'scalar' || dst.kind === 'btf_id' || src.kind === 'btf_id') return;
  if (isNotNull(dst) && src.mayBeNull) equal.frame.regs[insn.src] = notNull(equal.frame.reg(insn.src));
  if (isNotNull(src) && dst.mayBeNull) equal.frame.regs[insn.dst] = notNull(equal.frame.reg(insn.dst));
}

/** All copies of a pointer that was compared with NULL. */
function setNull(env: Env, state: State, regno: number, isNull: boolean): void {
  const { id, refObjId } = state.frame.reg(regno);
  if (refObjId !== 0 && refObjId === id && isNull)
    state.references = state.references.filter((found) => found.kind !== 'pointer' || found.id !== id);
  state.mapRegs((reg) => {
    if (!reg.mayBeNull || reg.id !== id || (reg.id === 0 && !reg.has(RCU))) return reg;
    if (isNull) return KNOWN_ZERO;
    const found = notNull(reg);
    const keepsId = fieldsAt(env, found).some(({ kind }) => kind === 'spin_lock' || kind === 'res_spin_lock');
    return keepsId ? found : found.with({ id: 0 });
  });
}

// Packets.

function comparePackets(op: JumpOp, insn: Insn, dst: Reg, src: Reg, here: State, other: State): boolean {
  const forward = isRange(dst) && isEnd(src, dst);
  const backward = isRange(src) && isEnd(dst, src);
  if (!forward && !backward) return false;
  const condition = forward ? op : FLIPPED[op];
  const pointer = forward ? dst : src;
  const regno = forward ? insn.dst : insn.src;
  // `pointer condition end`: in which branch the bytes before the pointer are there, and whether the next one is too.
  switch (condition) {
    case 'jgt':
      findGood(here, pointer, false);
      markEnd(other, regno, BEYOND_PKT_END);
      return true;
    case 'jlt':
      findGood(other, pointer, true);
      markEnd(here, regno, AT_PKT_END);
      return true;
    case 'jge':
      findGood(here, pointer, true);
      markEnd(other, regno, AT_PKT_END);
      return true;
    case 'jle':
      findGood(other, pointer, false);
      markEnd(here, regno, BEYOND_PKT_END);
      return true;
    default:
      return false;
  }
}

function isRange(reg: Reg): boolean {
  return reg.kind === 'packet' || reg.kind === 'packet_meta';
}

function isEnd(end: Reg, pointer: Reg): boolean {
  if (pointer.kind === 'packet') return end.kind === 'packet_end';
  return end.kind === 'packet' && end.id === 0 && end.off === 0 && end.num.isZero;
}

/** The bytes from the start of the packet to where the pointer is are there. */
function findGood(state: State, pointer: Reg, open: boolean): void {
  if (pointer.off < 0 || (pointer.off === 0 && open)) return;
  const umax = pointer.num.umax.unsignedNumber;
  if (umax > MAX_PACKET_OFF || umax + pointer.off > MAX_PACKET_OFF) return;
  const range = pointer.off + (open ? 1 : 0);
  state.mapRegs((reg) =>
    reg.kind === pointer.kind && reg.flags === 0 && reg.id === pointer.id && reg.range < range
      ? reg.with({ range })
      : reg,
  );
}

function markEnd(state: State, regno: number, range: number): void {
  const reg = state.frame.reg(regno);
  if (reg.kind === 'packet') state.frame.regs[regno] = reg.with({ range });
}

// Copies of numbers.

function collectLinked(env: Env, src: Reg | undefined, dst: Reg): readonly LinkedReg[] {
  const linked: LinkedReg[] = [];
  // Two registers may share what is known of them, and be one object.
  const ids = new Set([src, dst].flatMap((reg) => (reg?.kind === 'scalar' && reg.id !== 0 ? [reg.id] : [])));
  for (const id of ids) collect(env, id, linked);
  return linked;
}

function collect(env: Env, id: number, linked: LinkedReg[]): void {
  const { frames } = env.state;
  for (let frameno = frames.length - 1; frameno >= 0; frameno--) {
    const frame = frames[frameno];
    if (frame === undefined) continue;
    // What nobody reads any more is not linked.
    const liveRegs = env.facts.liveRegs[frames[frameno + 1]?.callsite ?? env.insn] ?? 0;
    for (let number = 0; number < 10; number++) {
      const reg = frame.reg(number);
      if (reg.kind !== 'scalar' || reg.id !== id || (liveRegs & (1 << number)) === 0) continue;
      if (linked.length < MAX_LINKED) linked.push({ frameno, isReg: true, number });
      else frame.regs[number] = reg.unlinked();
    }
    for (let number = 0; number < frame.stack.length; number++) {
      const slot = frame.slot(number);
      if (!isSpilled(slot) || slot.reg.kind !== 'scalar' || slot.reg.id !== id) continue;
      if (linked.length < MAX_LINKED) linked.push({ frameno, isReg: false, number });
      else frame.stack[number] = { ...slot, reg: slot.reg.unlinked() };
    }
  }
}

/** What was learnt of one is learnt of all that are the same, or apart by a constant. */
function syncLinked(state: State, regno: number, linked: readonly LinkedReg[]): void {
  const known = state.frame.reg(regno);
  for (const { frameno, isReg, number } of linked) {
    const frame = state.frames[frameno];
    if (frame === undefined) continue;
    const reg = isReg ? frame.reg(number) : frame.slot(number).reg;
    if (reg === known || reg.kind !== 'scalar' || reg.id !== known.id) continue;
    const synced = syncedWith(reg, known);
    if (synced === undefined) continue;
    if (isReg) frame.regs[number] = synced;
    else frame.stack[number] = { types: frame.slot(number).types, reg: synced };
  }
}

/** `undefined`: a 32-bit sum says too little of what it was made of. */
function syncedWith(reg: Reg, known: Reg): Reg | undefined {
  if (reg.added === 0 && known.added === 0) return known;
  if (reg.added === known.added && reg.off === known.off) return known;
  if (known.added === 32 && reg.added !== 32 && (reg.added === 64 || reg.num.umax.high !== 0)) return undefined;
  const delta = Scalar.known(Int64.fromNumber((reg.added === 0 ? 0 : reg.off) - (known.added === 0 ? 0 : known.off)));
  const num = scalarAlu('add', known.num, delta, reg.added === 32 || known.added === 32 ? 32 : 64) ?? known.num;
  return known.with({ num, off: reg.off, added: reg.added });
}
