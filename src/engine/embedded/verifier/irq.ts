import { objectSlot } from './dynptr.ts';
import type { Env } from './env.ts';
import { acquire } from './references.ts';
import { Reg } from './reg.ts';
import { frameOf } from './stack.ts';
import { EMPTY_SLOT, filled, IRQ_FLAG, typeOf } from './stack-slot.ts';

/** bpf_local_irq_save and the locks that also do it: the flags are put on the stack, and taken back in order. */
export function irqArgument(env: Env, regno: number, use: 'save' | 'restore', irqClass: 'native' | 'lock'): void {
  const reg = env.reg(regno);
  if (reg.kind !== 'stack') env.fail('EINVAL', `arg#${regno - 1} doesn't point to an irq flag on stack`);
  if (use === 'save') saveFlags(env, reg, regno, irqClass);
  else restoreFlags(env, reg, regno, irqClass);
}

function saveFlags(env: Env, reg: Reg, regno: number, irqClass: 'native' | 'lock'): void {
  const before = objectSlot(env, reg, 'irq_flag', 1);
  const frame = frameOf(env, reg);
  const used = typeof before === 'number' && typeOf(frame.slot(before), 7) === IRQ_FLAG;
  if (before === undefined || used) env.fail('EINVAL', `expected uninitialized irq flag as arg#${regno - 1}`);
  env.writeMemory(regno, 0, 8);
  const spi = objectSlot(env, reg, 'irq_flag', 1);
  if (typeof spi !== 'number') env.fail('EINVAL', `expected uninitialized irq flag as arg#${regno - 1}`);
  const id = acquire(env, env.insn, 'irq');
  env.state.activeIrqId = id;
  frame.stack[spi] = { types: filled(IRQ_FLAG), reg: Reg.pointer('stack', { refObjId: id, irqClass }) };
  env.log.touchSlot(spi);
  env.liveness.write(frame.frameno, spi);
}

function restoreFlags(env: Env, reg: Reg, regno: number, irqClass: 'native' | 'lock'): void {
  const spi = objectSlot(env, reg, 'irq_flag', 1);
  const frame = frameOf(env, reg);
  const slot = typeof spi === 'number' ? frame.slot(spi) : EMPTY_SLOT;
  if (typeof spi !== 'number' || slot.types !== filled(IRQ_FLAG) || slot.reg.refObjId === 0)
    env.fail('EINVAL', `expected an initialized irq flag as arg#${regno - 1}`);
  env.liveness.read(frame.frameno, env.insn, spi);
  env.log.touchSlot(spi);
  if (slot.reg.irqClass !== irqClass) {
    const text = (which: string | undefined) => (which === 'native' ? 'bpf_local_irq_save' : 'bpf_res_spin_lock');
    env.fail(
      'EINVAL',
      `irq flag acquired by ${text(slot.reg.irqClass)} kfuncs cannot be restored with ${text(irqClass)} kfuncs`,
    );
  }
  const { state } = env;
  const id = slot.reg.refObjId;
  if (id !== state.activeIrqId) {
    const expected = state.references.find((found) => found.kind === 'irq' && found.id === state.activeIrqId);
    env.fail(
      'EACCES',
      `cannot restore irq state out of order, expected id=${state.activeIrqId} acquired at insn_idx=${expected?.insn ?? 0}`,
    );
  }
  state.references = state.references.filter((found) => found.kind !== 'irq' || found.id !== id);
  state.activeIrqId = state.references.filter(({ kind }) => kind === 'irq').at(-1)?.id ?? 0;
  frame.stack[spi] = EMPTY_SLOT;
  env.log.touchSlot(spi);
  env.liveness.write(frame.frameno, spi);
}
