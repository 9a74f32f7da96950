import { inTreeCallback } from './callbacks.ts';
import type { Env } from './env.ts';
import { fieldsAt } from './local-struct.ts';
import { addReference, dropNonOwning } from './references.ts';
import type { Reg } from './reg.ts';
import type { Reference } from './state.ts';

export type LockUse = 'lock' | 'unlock';
type LockKind = Extract<Reference['kind'], 'lock' | 'res_lock' | 'res_lock_irq'>;

/** bpf_spin_lock, bpf_spin_unlock and their resilient kin: the register points to the lock. */
export function lockArgument(env: Env, regno: number, use: LockUse, kind: LockKind = 'lock'): void {
  if (inTreeCallback(env)) env.fail('EACCES', "can't spin_{lock,unlock} in rbtree cb");
  const reg = env.reg(regno);
  const text = kind === 'lock' ? 'bpf_spin' : 'bpf_res_spin';
  checkField(env, reg, regno, kind);
  const holder = holderOf(reg);
  if (use === 'lock') takeLock(env, reg, kind, holder, text);
  else releaseLock(env, reg, kind, holder, text);
}

/** What a lock is part of: a map, or the program's objects. */
export function holderOf(reg: Reg): object | undefined {
  return reg.kind === 'map_value' ? reg.map : reg.btf;
}

function checkField(env: Env, reg: Reg, regno: number, kind: LockKind): void {
  const struct = kind === 'lock' ? 'bpf_spin_lock' : 'bpf_res_spin_lock';
  if (!reg.num.isConst)
    env.fail('EINVAL', `R${regno} doesn't have constant offset. ${struct} has to be at the constant offset`);
  if (reg.kind === 'map_value' && reg.map?.btf === undefined)
    env.fail('EINVAL', `map '${reg.map?.name}' has to have BTF in order to use ${struct}`);
  const field = fieldsAt(env, reg).find((found) => found.kind === (kind === 'lock' ? 'spin_lock' : 'res_spin_lock'));
  if (field === undefined)
    env.fail(
      'EINVAL',
      `${reg.kind === 'map_value' ? 'map' : 'local'} '${reg.kind === 'map_value' ? reg.map?.name : 'kptr'}' has no valid ${struct}`,
    );
  const at = reg.off + reg.num.smin.number;
  if (field.offset !== at)
    env.fail('EINVAL', `off ${at} doesn't point to 'struct ${struct}' that is at ${field.offset}`);
}

function takeLock(env: Env, reg: Reg, kind: LockKind, holder: object | undefined, text: string): void {
  const { state } = env;
  if (kind === 'lock' && state.activeLocks > 0) env.fail('EINVAL', 'Locking two bpf_spin_locks are not allowed');
  if (kind !== 'lock') {
    if (findLock(env, 'lock') !== undefined) env.fail('EINVAL', 'Locking two bpf_spin_locks are not allowed');
    if (findLock(env, kind, reg.id, holder) !== undefined)
      env.fail('EINVAL', 'Acquiring the same lock again, AA deadlock detected');
  }
  addReference(env, { kind, id: reg.id, insn: env.insn, holder });
  state.activeLocks++;
  state.activeLockId = reg.id;
  state.activeLockHolder = holder;
  void text;
}

function releaseLock(env: Env, reg: Reg, kind: LockKind, holder: object | undefined, text: string): void {
  const { state } = env;
  if (state.activeLocks === 0) env.fail('EINVAL', `${text}_unlock without taking a lock`);
  if (findLock(env, kind, reg.id, holder) === undefined) env.fail('EINVAL', `${text}_unlock of different lock`);
  if (reg.id !== state.activeLockId || holder !== state.activeLockHolder)
    env.fail('EINVAL', `${text}_unlock cannot be out of order`);
  dropNonOwning(env);
  let index = -1;
  for (const [i, found] of state.references.entries())
    if (found.kind === kind && found.id === reg.id && found.holder === holder) index = i;
  state.references = state.references.filter((_, i) => i !== index);
  state.activeLocks--;
  const before = state.references.filter(({ kind: found }) => isLock(found)).at(-1);
  state.activeLockId = before?.id ?? 0;
  state.activeLockHolder = before?.holder;
}

function findLock(env: Env, kind: LockKind, id?: number, holder?: object): Reference | undefined {
  return env.state.references.find(
    (found) => found.kind === kind && (id === undefined || (found.id === id && found.holder === holder)),
  );
}

function isLock(kind: Reference['kind']): boolean {
  return kind === 'lock' || kind === 'res_lock' || kind === 'res_lock_irq';
}

/** Whether the lock of what the register points to is held. A note says so if another one is. */
export function isLocked(env: Env, reg: Reg): boolean {
  const { state } = env;
  if (state.activeLocks === 0) return false;
  const held = state.references.find(
    (found) => isLock(found.kind) && found.id === reg.id && found.holder === holderOf(reg),
  );
  if (held === undefined) env.note('held lock and object are not in the same allocation');
  return held !== undefined;
}
