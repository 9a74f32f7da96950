import { pushBranch } from './branches.ts';
import { sizeOf, skipModifiers } from './btf-walk.ts';
import { objectSlot } from './dynptr.ts';
import type { Env } from './env.ts';
import { notNull } from './helper-memory.ts';
import type { Kfunc } from './kfunc.ts';
import { findPreviousEntry, widenImprecise } from './loops.ts';
import { acquire, release } from './references.ts';
import { KNOWN_ZERO, RCU, Reg, UNTRUSTED } from './reg.ts';
import { frameOf } from './stack.ts';
import { EMPTY_SLOT, filled, ITER, typeOf } from './stack-slot.ts';
import type { State } from './state.ts';

/** Where an iterator is. */
export interface IterPlace {
  readonly frameno: number;
  readonly spi: number;
}

/** The iterator on the stack that a kfunc is given. `typeId` is its struct's. */
export function iterArgument(env: Env, kfunc: Kfunc, regno: number): IterPlace | undefined {
  const reg = env.reg(regno);
  if (reg.kind !== 'stack') env.fail('EINVAL', `arg#${regno - 1} expected pointer to an iterator on stack`);
  const param = kfunc.params[regno - 1];
  const [pointer] = skipModifiers(kfunc.btf, param?.typeId ?? 0);
  const [struct, typeId] = pointer.kind === 'ptr' ? skipModifiers(kfunc.btf, pointer.typeId) : [pointer, 0];
  if (struct.kind !== 'struct' || !struct.name.startsWith('bpf_iter_'))
    return env.fail('EINVAL', `expected valid iter pointer as arg #${regno - 1}`);
  const name = struct.name.slice('bpf_iter_'.length);
  const slots = (sizeOf(kfunc.btf, typeId) ?? 8) / 8;
  if (kfunc.iter === 'new') {
    startIterator(env, kfunc, regno, { name, typeId, slots });
    return undefined;
  }
  const spi = validIterator(env, reg, kfunc, typeId, slots);
  if (spi === 'outside rcu') return env.fail('EPROTO', `expected an RCU CS when using ${kfunc.name}`);
  if (spi === undefined) return env.fail('EINVAL', `expected an initialized iter_${name} as arg #${regno - 1}`);
  for (let i = 0; i < slots; i++) {
    env.liveness.read(reg.frameno, env.insn, spi - i);
    env.log.touchSlot(spi - i);
  }
  if (kfunc.iter === 'destroy') endIterator(env, reg, spi, slots);
  return { frameno: reg.frameno, spi };
}

function startIterator(
  env: Env,
  kfunc: Kfunc,
  regno: number,
  { name, typeId, slots }: { readonly name: string; readonly typeId: number; readonly slots: number },
): void {
  const reg = env.reg(regno);
  const before = objectSlot(env, reg, 'iter', slots);
  const frame = frameOf(env, reg);
  let free = before !== undefined;
  if (typeof before === 'number')
    for (let i = 0; i < slots; i++)
      for (let byte = 0; byte < 8; byte++) if (typeOf(frame.slot(before - i), byte) === ITER) free = false;
  if (!free) env.fail('EINVAL', `expected uninitialized iter_${name} as arg #${regno - 1}`);
  for (let i = 0; i < slots; i++) env.writeMemory(regno, 8 * i, 8);
  const spi = objectSlot(env, reg, 'iter', slots);
  if (typeof spi !== 'number') env.fail('EINVAL', `expected uninitialized iter_${name} as arg #${regno - 1}`);
  const id = acquire(env, env.insn);
  const flags = kfunc.flags.has('rcu_protected') ? (env.inRcuSection ? RCU : UNTRUSTED) : 0;
  for (let i = 0; i < slots; i++) {
    const iter = { btf: kfunc.btf, btfId: typeId, state: 'active', depth: 0 } as const;
    frame.stack[spi - i] = {
      types: filled(ITER),
      reg: Reg.pointer('stack', { flags, refObjId: i === 0 ? id : 0, iter }),
    };
    env.log.touchSlot(spi - i);
    env.liveness.write(frame.frameno, spi - i);
  }
}

function validIterator(
  env: Env,
  reg: Reg,
  kfunc: Kfunc,
  typeId: number,
  slots: number,
): number | 'outside rcu' | undefined {
  const spi = objectSlot(env, reg, 'iter', slots);
  if (typeof spi !== 'number') return undefined;
  const frame = frameOf(env, reg);
  for (let i = 0; i < slots; i++) {
    const slot = frame.slot(spi - i);
    if (slot.reg.has(UNTRUSTED) && slot.reg.iter !== undefined) return 'outside rcu';
    const isFirst = slot.reg.refObjId !== 0;
    if (isFirst !== (i === 0) || slot.types !== filled(ITER)) return undefined;
    if (slot.reg.iter?.btf !== kfunc.btf || slot.reg.iter.btfId !== typeId) return undefined;
  }
  return spi;
}

function endIterator(env: Env, reg: Reg, spi: number, slots: number): void {
  const frame = frameOf(env, reg);
  release(env, frame.slot(spi).reg.refObjId);
  for (let i = 0; i < slots; i++) {
    frame.stack[spi - i] = EMPTY_SLOT;
    env.log.touchSlot(spi - i);
    env.liveness.write(frame.frameno, spi - i);
  }
}

/** bpf_iter_*_next: one path with a next element, one with none. */
export function nextElement(env: Env, { frameno, spi }: IterPlace): void {
  const { state } = env;
  const iter = iterOf(state, frameno, spi);
  if (iter === undefined) env.fail('EFAULT', 'unexpected iterator state');
  if (iter.state === 'active') {
    const parent = state.parent;
    if (parent === undefined || parent.insn !== env.insn || !parent.hasSameCallsites(state))
      env.fail('EFAULT', 'bug: bad parent state for iter next call');
    const before = findPreviousEntry(env, parent, env.insn);
    const next = pushBranch(env, env.insn + 1, env.insn);
    setIter(next, frameno, spi, { ...iter, depth: iter.depth + 1 });
    if (before !== undefined) widenImprecise(before, next);
    next.frame.regs[0] = notNull(next.frame.reg(0));
  }
  setIter(state, frameno, spi, { ...iter, state: 'drained' });
  // Precise: it would be so on any way back.
  env.setReg(0, KNOWN_ZERO);
}

function iterOf(state: State, frameno: number, spi: number): Reg['iter'] {
  return state.frames[frameno]?.slot(spi).reg.iter;
}

function setIter(state: State, frameno: number, spi: number, iter: NonNullable<Reg['iter']>): void {
  const frame = state.frames[frameno];
  if (frame === undefined) return;
  const slot = frame.slot(spi);
  frame.stack[spi] = { types: slot.types, reg: slot.reg.with({ iter }) };
}
