import { type DynptrKind, isOfPacket, isReferenced } from './dynptr-kind.ts';
import type { Env } from './env.ts';
import { acquire, release } from './references.ts';
import { Reg, UNKNOWN } from './reg.ts';
import { frameOf, spiOf } from './stack.ts';
import { DYNPTR, EMPTY_SLOT, filled, typeOf } from './stack-slot.ts';
import type { Frame } from './state.ts';

/** A struct bpf_dynptr has two slots: the one at the higher address comes first. */
const SLOTS = 2;

/**
 * The slot at which an object of `slots` slots begins that a stack pointer points to; 'absent': the stack does not reach so far yet; `undefined`, with a note: it cannot begin
 * there.
 */
export function objectSlot(env: Env, reg: Reg, what: string, slots: number): number | 'absent' | undefined {
  if (!reg.num.isConst) {
    env.note(`${what} has to be at a constant offset`);
    return undefined;
  }
  const offset = reg.off + reg.num.smin.number;
  // Linux divides towards 0: behind the stack's end it still sees the first slot, which nothing can be written to.
  const spi = offset === 0 ? 0 : spiOf(offset);
  if (offset % 8 !== 0 || spi + 1 < slots) {
    env.note(`cannot pass in ${what} at an offset=${offset}`);
    return undefined;
  }
  return spi >= frameOf(env, reg).stack.length ? 'absent' : spi;
}

export function dynptrSlot(env: Env, reg: Reg): number | 'absent' | undefined {
  return objectSlot(env, reg, 'dynptr', SLOTS);
}

/** Whether the pointer is to stack that holds no dynptr that has to be kept. */
export function canInitDynptr(env: Env, reg: Reg): boolean {
  return reg.kind === 'stack' && dynptrSlot(env, reg) !== undefined;
}

/** What is known of the dynptr that a register points to; `undefined`: there is none. */
export function dynptrAt(env: Env, reg: Reg): Reg | undefined {
  if (reg.kind === 'dynptr') return reg;
  if (reg.kind !== 'stack') return undefined;
  const spi = dynptrSlot(env, reg);
  if (typeof spi !== 'number') return undefined;
  const frame = frameOf(env, reg);
  const slot = frame.slot(spi);
  if (slot.reg.dynptr?.first !== true) return undefined;
  return slot.types === filled(DYNPTR) && frame.slot(spi - 1).types === filled(DYNPTR) ? slot.reg : undefined;
}

/** The stack reads that asking for a dynptr is. */
export function readDynptr(env: Env, reg: Reg): void {
  if (reg.kind === 'dynptr') return;
  const spi = dynptrSlot(env, reg);
  if (typeof spi !== 'number') return;
  env.liveness.read(reg.frameno, env.insn, spi);
  env.liveness.read(reg.frameno, env.insn, spi - 1);
  env.log.touchSlot(spi);
  env.log.touchSlot(spi - 1);
}

/** `original`: the dynptr that it is a copy of. */
export function initDynptr(env: Env, reg: Reg, kind: DynptrKind, original?: Reg): void {
  const frame = frameOf(env, reg);
  const spi = dynptrSlot(env, reg);
  if (typeof spi !== 'number') env.fail('EINVAL', 'Dynptr has to be an uninitialized dynptr');
  destroyDynptr(env, frame, spi);
  destroyDynptr(env, frame, spi - 1);
  const id = env.newId();
  const refObjId = isReferenced(kind) ? original?.refObjId || acquire(env, env.insn) : 0;
  const dynptrId = isOfPacket(kind) ? original?.dynptrId || id : 0;
  const types = filled(DYNPTR);
  for (const first of [true, false]) {
    const half = Reg.pointer('dynptr', { dynptr: { kind, first }, id, refObjId, dynptrId });
    frame.stack[first ? spi : spi - 1] = { types, reg: half };
  }
  env.log.touchSlot(spi);
  env.log.touchSlot(spi - 1);
  env.liveness.write(frame.frameno, spi);
  env.liveness.write(frame.frameno, spi - 1);
}

/** Something else is written over a dynptr: what was taken out of it is lost. */
export function destroyDynptr(env: Env, frame: Frame, slot: number): void {
  if (typeOf(frame.slot(slot), 0) !== DYNPTR) return;
  const spi = frame.slot(slot).reg.dynptr?.first === true ? slot : slot + 1;
  const { reg } = frame.slot(spi);
  if (reg.dynptr !== undefined && isReferenced(reg.dynptr.kind))
    env.fail('EINVAL', 'cannot overwrite referenced dynptr');
  frame.stack[spi] = EMPTY_SLOT;
  frame.stack[spi - 1] = EMPTY_SLOT;
  env.log.touchSlot(spi);
  env.log.touchSlot(spi - 1);
  env.state.mapRegs((other) => (other.kind === 'mem' && other.dynptrId === reg.id ? UNKNOWN : other));
}

/** The dynptr, and all its copies, are over. */
export function releaseDynptr(env: Env, reg: Reg): boolean {
  const frame = frameOf(env, reg);
  const spi = dynptrSlot(env, reg);
  if (typeof spi !== 'number') return false;
  const { reg: held } = frame.slot(spi);
  if (held.dynptr === undefined || !isReferenced(held.dynptr.kind)) {
    invalidate(env, frame, spi);
    return true;
  }
  const { refObjId } = held;
  release(env, refObjId);
  for (let i = 1; i < frame.stack.length; i++) {
    const slot = frame.slot(i);
    if (slot.reg.refObjId === refObjId && slot.reg.dynptr?.first === true) invalidate(env, frame, i);
  }
  return true;
}

function invalidate(env: Env, frame: Frame, spi: number): void {
  frame.stack[spi] = EMPTY_SLOT;
  frame.stack[spi - 1] = EMPTY_SLOT;
  env.liveness.write(frame.frameno, spi);
  env.liveness.write(frame.frameno, spi - 1);
}
