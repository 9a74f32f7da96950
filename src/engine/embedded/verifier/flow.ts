import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  type Insn,
  insnSlots,
  jumpTarget,
  LD_IMM64,
} from '../../../isa/index.ts';
import type { Env } from './env.ts';
import { asyncCallbackCall, changesPacketData, helperName, mightSleep, syncCallbackCall } from './helper-facts.ts';
import { CALLS_CALLBACK, FORCE_CHECKPOINT, JUMP_POINT, JUMP_TARGET, PRUNE_POINT } from './insn-facts.ts';
import { createSubprog, type Subprog } from './subprog.ts';

/** Functions of one program. */
const MAX_SUBPROGS = 256;

/** Where the function starts that this instruction calls. */
export function calledAt(insn: Insn, index: number): number | undefined {
  return isCall(insn) && insn.src === BPF_PSEUDO_CALL ? index + 1 + insn.imm : undefined;
}

/** Where the function starts whose address this instruction takes. */
export function namedAt(env: Env, index: number): number | undefined {
  const insn = env.insnAt(index);
  return env.operations[index]?.kind === 'ld_imm64' && insn.src === BPF_PSEUDO_FUNC ? index + 1 + insn.imm : undefined;
}

export function isCall(insn: Insn): boolean {
  return insn.opcode === (BPF_JMP | BPF_CALL);
}

export function isKfuncCall(insn: Insn): boolean {
  return isCall(insn) && insn.src === BPF_PSEUDO_KFUNC_CALL;
}

export function isHelperCall(insn: Insn): boolean {
  return isCall(insn) && insn.src === 0;
}

/** Finds the functions of the program. `extra`: that of an exception callback. */
export function findSubprogs(env: Env, extra?: number): void {
  const starts = new Set([0]);
  for (let i = 0; i < env.insns.length; i++) {
    const start = functionAt(env, i);
    if (start === undefined) continue;
    if (start < 0 || start >= env.insns.length) env.fail('EINVAL', 'call to invalid destination');
    starts.add(start);
  }
  if (extra !== undefined) starts.add(extra);
  if (starts.size > MAX_SUBPROGS) env.fail('E2BIG', 'too many subprograms');
  env.subprogs = [...starts].sort((a, b) => a - b).map(createSubprog);
  for (const [i, subprog] of env.subprogs.entries()) subprog.end = env.subprogs[i + 1]?.start ?? env.insns.length;
}

/** Jumps stay within their function, and no function runs off its end. */
export function checkSubprogs(env: Env): void {
  for (const subprog of env.subprogs) {
    for (let i = subprog.start; i < subprog.end; i++) {
      const insn = env.insnAt(i);
      const operation = env.operations[i];
      if (isHelperCall(insn) && helperName(insn.imm) === 'tail_call') {
        subprog.hasTailCall = true;
        subprog.tailCallReachable = true;
      }
      if (operation?.kind === 'ld_abs' || operation?.kind === 'ld_ind') subprog.hasPacketLoad = true;
      const target = jumpTarget(insn, i);
      if (target !== undefined && (target < subprog.start || target >= subprog.end))
        env.fail('EINVAL', `jump out of range from insn ${i} to ${target}`);
      if (i === subprog.end - 1 && operation?.kind !== 'exit' && operation?.kind !== 'goto')
        env.fail('EINVAL', 'last insn is not an exit or jmp');
    }
  }
}

/** Fills in {@link Env.successors}. */
export function findSuccessors(env: Env): void {
  const { insns, operations, successors } = env;
  successors.fill(-1);
  for (let i = 0; i < insns.length; i++) {
    const kind = operations[i]?.kind;
    if (kind === 'exit') continue;
    const insn = env.insnAt(i);
    const target = jumpTarget(insn, i) ?? -1;
    if (kind === 'goto') successors[2 * i] = target;
    else {
      successors[2 * i] = i + insnSlots(insn);
      successors[2 * i + 1] = target;
    }
  }
}

/**
 * Goes through all instructions, depth first: what cannot be reached is refused, and where paths meet is marked.
 */
export function checkFlow(env: Env): void {
  /** 0: nobody came to it; else 1 more than how many of what may follow were looked at. */
  const state = new Uint8Array(env.insns.length);
  walk(env, 0, state);
  if (env.exceptionCallback !== 0) walk(env, env.subprog(env.exceptionCallback).start, state);
  for (let i = 0; i < env.insns.length; i++) {
    if (state[i] === 0) env.fail('EINVAL', `unreachable insn ${i}`);
    if (env.operations[i]?.kind === 'ld_imm64') {
      if (state[i + 1] !== 0) env.fail('EINVAL', `jump into the middle of ldimm64 insn ${i}`);
      i++;
    }
  }
}

/** What may follow an instruction: two, and the function that it calls or names. */
const EDGES = 3;

function walk(env: Env, start: number, state: Uint8Array): void {
  if (state[start] !== 0) return;
  const { length } = env.insns;
  const open = new Int32Array(length);
  let depth = 0;
  const enter = (index: number): void => {
    visit(env, index);
    state[index] = 1;
    open[depth++] = index;
  };
  enter(start);
  while (depth > 0) {
    const index = open[depth - 1] ?? 0;
    const edge = (state[index] ?? 1) - 1;
    if (edge === EDGES) {
      depth--;
      mergeEffects(env, index);
      continue;
    }
    state[index] = edge + 2;
    const next = edge < 2 ? env.successors[2 * index + edge] : functionAt(env, index);
    if (next === undefined || next === -1) continue;
    if (next < 0 || next >= length) env.fail('EINVAL', `jump out of range from insn ${index} to ${next}`);
    if (state[next] === 0) enter(next);
  }
}

/** Where the function starts that this instruction calls, or whose address it takes. */
function functionAt(env: Env, index: number): number | undefined {
  const insn = env.insnAt(index);
  return insn.opcode === LD_IMM64 ? namedAt(env, index) : calledAt(insn, index);
}

/** Marks what an instruction means for the flow. */
function visit(env: Env, index: number): void {
  const { facts, successors } = env;
  const kind = env.operations[index]?.kind;
  const next = successors[2 * index] ?? -1;
  if (kind === 'call') visitCall(env, index);
  const called = kind === 'call' || kind === 'ld_imm64' ? functionAt(env, index) : undefined;
  if (kind === 'call' || called !== undefined) {
    facts.mark(next, PRUNE_POINT | JUMP_POINT);
    if (called === undefined) return;
    facts.mark(index, PRUNE_POINT);
    facts.mark(called, TARGET);
  } else if (kind === 'goto') facts.mark(next, TARGET);
  else if (kind === 'jump' || kind === 'may_goto') {
    facts.mark(index, kind === 'may_goto' ? PRUNE_POINT | FORCE_CHECKPOINT : PRUNE_POINT);
    facts.mark(successors[2 * index + 1] ?? -1, TARGET);
  }
}

/** Of an instruction that some other leads to. */
const TARGET = PRUNE_POINT | JUMP_POINT | JUMP_TARGET;

function visitCall(env: Env, index: number): void {
  const insn = env.insnAt(index);
  const kfunc = env.kfuncs.get(index);
  if (asyncCallbackCall(insn, kfunc)) env.facts.mark(index, PRUNE_POINT);
  if (syncCallbackCall(insn, kfunc))
    env.facts.mark(index, CALLS_CALLBACK | FORCE_CHECKPOINT | PRUNE_POINT | JUMP_POINT);
  if (isHelperCall(insn) && changesPacketData(insn.imm)) env.subprog(env.subprogOf(index)).changesPacket = true;
  if (isHelperCall(insn) && mightSleep(env, insn.imm)) env.subprog(env.subprogOf(index)).mightSleep = true;
  if (kfunc?.changesPacket === true) env.subprog(env.subprogOf(index)).changesPacket = true;
  if (kfunc?.sleepable === true) env.subprog(env.subprogOf(index)).mightSleep = true;
  if (kfunc?.iter === 'next') env.facts.mark(index, PRUNE_POINT | FORCE_CHECKPOINT);
}

/** What a function that is called does, its caller does. */
function mergeEffects(env: Env, index: number): void {
  const called = functionAt(env, index);
  if (called === undefined) return;
  const caller = env.subprog(env.subprogOf(index));
  const callee = env.subprog(env.subprogOf(called));
  caller.changesPacket ||= callee.changesPacket;
  caller.mightSleep ||= callee.mightSleep;
}

/**
 * The instructions of a function so that most come after those that may follow them, in Linux's order, which the log shows: what a branch leads to is
 * noted as seen when the branch is, so that a way between its two sides does not count.
 */
export function postorder({ successors }: Env, { start, end }: Subprog): Int32Array {
  const length = end - start;
  const order = new Int32Array(length);
  const open = new Int32Array(length);
  /** 1: seen; 2: what follows is seen too. */
  const state = new Uint8Array(length);
  let [count, depth] = [0, 0];
  const enter = (insn: number): void => {
    state[insn - start] = 1;
    open[depth++] = insn;
  };
  enter(start);
  while (depth > 0) {
    const top = open[depth - 1] ?? start;
    if (state[top - start] === 2) {
      depth--;
      order[count++] = top;
      continue;
    }
    state[top - start] = 2;
    for (let edge = 0; edge < 2; edge++) {
      const next = successors[2 * top + edge] ?? -1;
      if (next >= 0 && state[next - start] === 0) enter(next);
    }
  }
  return order.subarray(0, count);
}
