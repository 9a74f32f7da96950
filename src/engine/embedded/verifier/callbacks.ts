import { queue } from './branches.ts';
import { checkSubprogCall } from './calls.ts';
import { type Env, MAX_CALL_FRAMES } from './env.ts';
import { asyncCallbackCall } from './helper-facts.ts';
import { fieldsAt, structFields } from './local-struct.ts';
import type { FieldToVerify, MapToVerify } from './program.ts';
import { ALLOC, NON_OWN_REF, RCU, Reg, UNKNOWN } from './reg.ts';
import { Frame, MAIN_FUNC, State } from './state.ts';

/** Fills the registers of a function that is called back. */
export type CalleeSetup = (caller: Frame, callee: Frame) => void;

/** A function of the program will be called: once more from here, or some time. */
export function pushCallback(env: Env, subprogno: number, setup: CalleeSetup, sleepable = false): void {
  const insn = env.insnAt(env.insn);
  const caller = env.frame;
  checkSubprogCall(env, subprogno, caller);
  const subprog = env.subprog(subprogno);
  subprog.isCallback = true;
  if (asyncCallbackCall(insn, env.kfuncs.get(env.insn))) {
    subprog.isAsyncCallback = true;
    const callee = pushAsync(env, subprogno, sleepable);
    callee.asyncEntryCount = caller.asyncEntryCount + 1;
    setup(caller, callee);
    return;
  }
  const state = env.state.copy();
  queue(env, state, subprog.start, env.insn);
  enterSubprog(env, state, subprogno, env.insn, setup);
  state.callbackUnrollDepth++;
  const from = state.frames[state.frames.length - 2];
  if (from !== undefined) from.callbackDepth++;
  caller.callbackDepth = 0;
}

/** A call that runs later, from nowhere: a path of its own. */
function pushAsync(env: Env, subprogno: number, sleepable: boolean): Frame {
  const frame = Frame.enter(MAIN_FUNC, 0, subprogno);
  env.log.touchAll();
  const state = new State([frame]);
  state.inSleepable = sleepable;
  env.waiting.push({ state, insn: env.subprog(subprogno).start, previous: env.insn, logLength: env.log.length });
  if (env.waiting.length > 8192)
    env.fail('E2BIG', `The sequence of ${env.waiting.length} jumps is too complex for async cb.`);
  state.branches = 1;
  return frame;
}

export function enterSubprog(env: Env, state: State, subprogno: number, callsite: number, setup: CalleeSetup): void {
  if (state.frames.length >= MAX_CALL_FRAMES)
    env.fail('E2BIG', `the call stack of ${state.frames.length + 1} frames is too deep`);
  const caller = state.frame;
  const callee = Frame.enter(callsite, state.frames.length, subprogno);
  env.log.touchAll();
  setup(caller, callee);
  state.frames.push(callee);
}

/** bpf_for_each_map_elem: map, key, value, and what the caller gives. */
export function mapElementCallback(map: MapToVerify | undefined): CalleeSetup {
  return (caller, callee) => {
    const { mapUid } = caller.reg(1);
    callee.regs[1] = caller.reg(1);
    callee.regs[2] = Reg.pointer('map_key', { map, mapUid });
    callee.regs[3] = Reg.pointer('map_value', { map, mapUid });
    callee.regs[4] = caller.reg(3);
    callee.inCallback = true;
    callee.callbackRange = [0, 1];
  };
}

/** bpf_loop: the number of the round, and what the caller gives. */
export const loopCallback: CalleeSetup = (caller, callee) => {
  callee.regs[1] = UNKNOWN;
  callee.regs[2] = caller.reg(3);
  callee.inCallback = true;
  callee.callbackRange = [0, 1];
};

/** Timers and work queues: map, key and value. */
export const timerCallback: CalleeSetup = (caller, callee) => {
  const { map, mapUid } = caller.reg(1);
  callee.regs[1] = Reg.pointer('map_ptr', { map, mapUid });
  callee.regs[2] = Reg.pointer('map_key', { map, mapUid });
  callee.regs[3] = Reg.pointer('map_value', { map, mapUid });
  callee.inAsyncCallback = true;
  callee.callbackRange = [0, 0];
};

export function findVmaCallback(env: Env): CalleeSetup {
  return (caller, callee) => {
    callee.regs[1] = caller.reg(1);
    callee.regs[2] = Reg.pointer('btf_id', { ...env.structNamed('vm_area_struct') });
    callee.regs[3] = caller.reg(4);
    callee.inCallback = true;
    callee.callbackRange = [0, 1];
  };
}

export function userRingbufCallback(env: Env): CalleeSetup {
  return (caller, callee) => {
    callee.regs[1] = Reg.pointer('dynptr', { dynptr: { kind: 'local', first: true }, id: env.newId() });
    callee.regs[2] = caller.reg(3);
    callee.inCallback = true;
    callee.callbackRange = [0, 1];
  };
}

/** bpf_rbtree_add: two nodes of the tree. */
export function treeCallback(env: Env): CalleeSetup {
  return (caller, callee) => {
    const root = caller.reg(1);
    const field = fieldsAt(env, root).find(({ kind, offset }) => kind === 'rb_root' && offset === root.off);
    if (field?.graph === undefined) env.fail('EFAULT', 'no tree');
    callee.regs[1] = nonOwning(env, graphNode(field));
    callee.regs[2] = nonOwning(env, graphNode(field));
    callee.inCallback = true;
    callee.callbackRange = [0, 1];
  };
}

/** A pointer to the node of what is in a list or tree. */
export function graphNode(field: FieldToVerify | undefined): Reg {
  const graph = field?.graph;
  return Reg.pointer('btf_id', {
    flags: ALLOC,
    btf: graph?.btf,
    btfId: graph?.typeId ?? 0,
    off: graph?.nodeOffset ?? 0,
  });
}

/** It is in a list or tree: who holds the lock may look at it. */
export function nonOwning(env: Env, reg: Reg): Reg {
  if (env.state.activeLocks === 0) env.fail('EFAULT', 'ref_set_non_owning w/o active lock');
  const counted =
    reg.btf !== undefined && structFields(env, reg.btf, reg.btfId).some(({ kind }) => kind === 'refcount');
  return reg.with({ flags: reg.flags | NON_OWN_REF | (counted ? RCU : 0) });
}

/** Whether the function is run by bpf_rbtree_add, which holds the lock. */
export function inTreeCallback(env: Env): boolean {
  return env.state.frames.some(
    ({ inCallback, callsite }) => inCallback && env.kfuncs.get(callsite)?.name === 'bpf_rbtree_add_impl',
  );
}
