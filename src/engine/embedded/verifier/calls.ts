import { BPF_PSEUDO_CALL, type Insn } from '../../../isa/index.ts';
import { structMatches } from './btf-walk.ts';
import { enterSubprog } from './callbacks.ts';
import { dynptrAt, readDynptr } from './dynptr.ts';
import type { Env } from './env.ts';
import { checkArgumentOffset } from './helper-args.ts';
import { checkMemoryArgument, notNull } from './helper-memory.ts';
import { findPreviousEntry, widenImprecise } from './loops.ts';
import { checkPointerOffset } from './memory.ts';
import { markPrecise } from './precision.ts';
import { printFrame } from './print-state.ts';
import { dropPacketPointers } from './references.ts';
import { Refusal } from './refusal.ts';
import { NOT_INIT, RCU, Reg, TRUSTED, UNKNOWN } from './reg.ts';
import { describeRange } from './return-code.ts';
import type { Frame } from './state.ts';
import { prepareArgs, type SubprogArg } from './subprog-args.ts';
import { kindText } from './type-text.ts';

/** A call of a function of the program. Returns the instruction to go on at. */
export function checkCall(env: Env, insn: Insn): number {
  const subprogno = env.subprogAt(env.insn + insn.imm + 1);
  const subprog = env.subprog(subprogno);
  const { state } = env;
  const problem = checkSubprogCall(env, subprogno, env.frame);
  if (!subprog.isGlobal) {
    const callsite = env.insn;
    enterSubprog(env, state, subprogno, callsite, (caller, callee) => {
      for (let reg = 1; reg <= 5; reg++) callee.regs[reg] = caller.reg(reg);
    });
    const callerFrame = state.frames[state.frames.length - 2] ?? state.frame;
    clearCallerSaved(env, callerFrame);
    env.liveness.leave();
    env.log.trace(() => `caller:\n${printFrame(state, callerFrame)}`);
    env.log.trace(() => `callee:\n${printFrame(state, state.frame)}`);
    return subprog.start;
  }
  if (state.activeLocks > 0) {
    env.note('global function calls are not allowed while holding a lock,');
    env.fail('EINVAL', 'use static function instead');
  }
  if (
    subprog.mightSleep &&
    (state.activeRcu || state.activePreempt > 0 || state.activeIrqId !== 0 || !env.isSleepable)
  ) {
    env.note('global functions that may sleep are not allowed in non-sleepable context,');
    env.note('i.e., in a RCU/IRQ/preempt-disabled section, or in');
    env.fail('EINVAL', 'a non-sleepable BPF program context');
  }
  if (problem !== undefined) {
    env.note(problem.message);
    env.fail(problem.code, `Caller passes invalid args into func#${subprogno} ('${subprog.name}')`);
  }
  env.log.trace(() => `Func#${subprogno} ('${subprog.name}') is global and assumed valid.`);
  if (subprog.changesPacket) dropPacketPointers(env);
  subprog.called = true;
  clearCallerSaved(env, env.frame);
  env.setReg(0, UNKNOWN);
  return env.insn + 1;
}

export function clearCallerSaved(env: Env, frame: Frame): void {
  for (let reg = 0; reg <= 5; reg++) {
    frame.regs[reg] = NOT_INIT;
    env.log.touchReg(reg);
  }
}

/** Whether the arguments are what the types of the function say; why not. */
export function checkSubprogCall(env: Env, subprogno: number, frame: Frame): Refusal | undefined {
  if (env.program.btf === undefined || env.program.funcInfo === undefined)
    return new Refusal('EINVAL', 'there are no types');
  if (!env.subprog(subprogno).isGlobal) return undefined;
  try {
    const args = prepareArgs(env, subprogno);
    for (const [i, arg] of args.entries()) checkArg(env, arg, i, frame);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

function checkArg(env: Env, arg: SubprogArg, index: number, frame: Frame): void {
  const regno = index + 1;
  const reg = frame.reg(regno);
  switch (arg.kind) {
    case 'scalar':
      if (reg.kind !== 'scalar') env.fail('EINVAL', `R${regno} is not a scalar`);
      return;
    case 'ctx':
      checkPointerOffset(env, reg.kind === 'scalar' ? Reg.pointer('ctx') : reg, regno, false);
      if (reg.kind !== 'ctx') env.fail('EINVAL', `arg#${index} expects pointer to ctx`);
      return;
    case 'mem':
      if (reg.kind === 'mem' && (reg.flags & (1 << 5)) !== 0 && arg.untrusted) return;
      checkArgumentOffset(env, reg, regno);
      if (!arg.untrusted) checkMemoryArgument(env, regno, arg.size);
      if (!arg.nullable && reg.mayBeNull) env.fail('EINVAL', `arg#${index} is expected to be non-NULL`);
      return;
    case 'arena':
      if (reg.kind !== 'arena' && reg.kind !== 'scalar')
        env.fail('EINVAL', `R${regno} is not a pointer to arena or scalar.`);
      return;
    case 'dynptr': {
      checkArgumentOffset(env, reg, regno);
      if (dynptrAt(env, reg) === undefined) env.fail('EINVAL', `Expected an initialized dynptr as arg #${index}`);
      readDynptr(env, reg);
      return;
    }
    case 'btf_id': {
      if (reg.isNull && arg.nullable) return;
      const tested = arg.nullable ? notNull(reg) : reg;
      const allowed = tested.flags === 0 || tested.flags === TRUSTED || tested.flags === RCU;
      if (arg.untrusted && reg.kind === 'btf_id') return;
      if (tested.kind !== 'btf_id' || !allowed)
        env.fail('EACCES', `R${regno} type=${kindText(reg.kind, reg.flags)} expected=ptr_, trusted_ptr_, rcu_ptr_`);
      if (
        reg.btf === undefined ||
        arg.btf === undefined ||
        !structMatches(reg.btf, reg.btfId, reg.off, arg.btf, arg.typeId, false)
      )
        env.fail(
          'EACCES',
          `R${regno} is of type ${reg.btf?.type(reg.btfId).name} but ${arg.btf?.type(arg.typeId).name} is expected`,
        );
      checkArgumentOffset(env, reg, regno);
      return;
    }
  }
}

/** The end of a function that was called: back to where it was called. */
export function leaveSubprog(env: Env): number {
  const { state } = env;
  env.liveness.update();
  const callee = state.frame;
  const caller = state.frames[state.frames.length - 2];
  if (caller === undefined) return env.fail('EFAULT', 'nobody to return to');
  const result = callee.reg(0);
  if (result.kind === 'stack') env.fail('EINVAL', 'cannot return stack pointer to the caller');
  if (callee.inCallback) {
    if (result.kind !== 'scalar') env.fail('EACCES', 'R0 not a scalar value');
    markPrecise(env, 0);
    const [min, max] = callee.callbackRange;
    if (result.num.smin.number < min || result.num.smax.number > max)
      env.fail('EINVAL', describeRange(result, 'At callback return', 'R0', min, max));
  } else {
    caller.regs[0] = result;
  }
  const back = callee.inCallback ? callee.callsite : callee.callsite + 1;
  env.log.trace(() => `returning from callee:\n${printFrame(state, callee)}`);
  env.log.trace(() => `to caller at ${back}:\n${printFrame(state, caller)}`);
  state.frames.pop();
  if (callee.inCallback) {
    const before = findPreviousEntry(env, state, back);
    if (before !== undefined) widenImprecise(before, state);
  }
  return back;
}

export function isSubprogCall(insn: Insn): boolean {
  return insn.src === BPF_PSEUDO_CALL;
}
