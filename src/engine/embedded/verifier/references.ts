import type { Env } from './env.ts';
import { type Reg, UNKNOWN } from './reg.ts';
import type { Reference } from './state.ts';

/** Something that has to be given back: its id. */
export function acquire(env: Env, insn: number, kind: Reference['kind'] = 'pointer', holder?: object): number {
  const id = env.newId();
  addReference(env, { kind, id, insn, holder });
  return id;
}

export function addReference(env: Env, reference: Reference): void {
  env.state.references = [...env.state.references, reference];
}

export function hasReference(env: Env, id: number): boolean {
  return env.state.references.some((reference) => reference.kind === 'pointer' && reference.id === id);
}

/** Gives it back; false: it was not held. The registers keep it. */
export function dropReference(env: Env, id: number): boolean {
  const { references } = env.state;
  const kept = references.filter((reference) => reference.kind !== 'pointer' || reference.id !== id);
  env.state.references = kept;
  return kept.length < references.length;
}

/** Gives it back, and no register has it any more. */
export function release(env: Env, id: number): boolean {
  if (!dropReference(env, id)) return false;
  env.state.mapRegs((reg) => (reg.refObjId === id ? invalid(reg) : reg));
  return true;
}

/** A pointer that may not be used any more: as programs may see addresses, it is a number. */
function invalid(reg: Reg): Reg {
  return reg.kind === 'not_init' ? reg : UNKNOWN;
}

/** After a lock is let go, what is in lists and trees may be gone. */
export function dropNonOwning(env: Env): void {
  env.state.mapRegs((reg) => (reg.isNonOwning ? UNKNOWN : reg));
}

/** A packet was changed: pointers into it lead anywhere. */
export function dropPacketPointers(env: Env): void {
  env.state.mapRegs((reg) => (reg.isAnyPacket || isPacketSlice(reg) ? UNKNOWN : reg));
}

function isPacketSlice(reg: Reg): boolean {
  return reg.kind === 'mem' && (reg.flags & (1 << 10)) !== 0;
}

/** Nothing that has to be given back, or that must not last, is left. `where`: what would end it. */
export function checkResources(env: Env, where: string, options: { exception: boolean; locks: boolean }): void {
  const { state } = env;
  if (options.locks && state.activeLocks > 0)
    env.fail('EINVAL', `${where} cannot be used inside bpf_spin_lock-ed region`);
  if (checkLeaks(env, options.exception)) env.fail('EINVAL', `${where} would lead to reference leak`);
  if (options.locks && state.activeIrqId !== 0)
    env.fail('EINVAL', `${where} cannot be used inside bpf_local_irq_save-ed region`);
  if (options.locks && state.activeRcu)
    env.fail('EINVAL', `${where} cannot be used inside bpf_rcu_read_lock-ed region`);
  if (options.locks && state.activePreempt > 0)
    env.fail('EINVAL', `${where} cannot be used inside bpf_preempt_disable-ed region`);
}

function checkLeaks(env: Env, exception: boolean): boolean {
  const { state } = env;
  if (!exception && state.curframe > 0) return false;
  let leaks = false;
  for (const { kind, id, insn } of state.references) {
    if (kind !== 'pointer') continue;
    // A struct_ops program may give an object back to the kernel.
    if (env.program.type === 'struct_ops' && !exception && env.reg(0).refObjId === id) continue;
    env.note(`Unreleased reference id=${id} alloc_insn=${insn}`);
    leaks = true;
  }
  return leaks;
}
