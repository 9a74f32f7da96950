import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  type Insn,
  insnSlots,
  jumpTarget,
} from '../../../isa/index.ts';
import type { Env } from './env.ts';
import { asyncCallbackCall, changesPacketData, helperName, mightSleep, syncCallbackCall } from './helper-facts.ts';
import { createSubprog } from './subprog.ts';

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
    const start = calledAt(env.insnAt(i), i) ?? namedAt(env, i);
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

/** The instructions that may follow within the function: the next one, then the one that is jumped to. */
export function successorsOf(env: Env, index: number): readonly number[] {
  const insn = env.insnAt(index);
  const kind = env.operations[index]?.kind;
  if (kind === 'exit') return [];
  const target = jumpTarget(insn, index);
  if (kind === 'goto') return target === undefined ? [] : [target];
  const next = index + insnSlots(insn);
  return target === undefined ? [next] : [next, target];
}

/**
 * Goes through all instructions, depth first: what cannot be reached is refused, and where paths meet is marked.
 */
export function checkFlow(env: Env): void {
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

function walk(env: Env, start: number, state: Uint8Array): void {
  const open: { readonly index: number; readonly next: readonly number[]; at: number }[] = [];
  const enter = (index: number): void => {
    state[index] = 1;
    open.push({ index, next: visit(env, index), at: 0 });
  };
  if (state[start] === 0) enter(start);
  for (let top = open[open.length - 1]; top !== undefined; top = open[open.length - 1]) {
    const next = top.next[top.at++];
    if (next === undefined) {
      open.pop();
      mergeEffects(env, top.index);
      continue;
    }
    if (next < 0 || next >= env.insns.length) {
      env.fail('EINVAL', `jump out of range from insn ${top.index} to ${next}`);
    }
    if (state[next] === 0) enter(next);
  }
}

/** Marks what an instruction means for the flow; returns all that may come next, functions too. */
function visit(env: Env, index: number): readonly number[] {
  const insn = env.insnAt(index);
  const facts = env.factsAt(index);
  const kind = env.operations[index]?.kind;
  const next = successorsOf(env, index);
  const called = calledAt(insn, index) ?? namedAt(env, index);
  if (kind === 'call') visitCall(env, index);
  if (kind === 'call' || called !== undefined) {
    markMeeting(env, next[0] ?? index);
    if (called === undefined) return next;
    facts.prunePoint = true;
    markTarget(env, called);
    return [...next, called];
  }
  if (kind === 'goto') markTarget(env, next[0] ?? index);
  if (kind === 'jump' || kind === 'may_goto') {
    facts.prunePoint = true;
    if (kind === 'may_goto') facts.forceCheckpoint = true;
    markTarget(env, next[1] ?? index);
  }
  return next;
}

function visitCall(env: Env, index: number): void {
  const insn = env.insnAt(index);
  const facts = env.factsAt(index);
  const kfunc = env.kfuncs.get(index);
  if (asyncCallbackCall(insn, kfunc)) facts.prunePoint = true;
  if (syncCallbackCall(insn, kfunc)) {
    facts.callsCallback = true;
    facts.forceCheckpoint = true;
    facts.prunePoint = true;
    facts.jumpPoint = true;
  }
  if (isHelperCall(insn) && changesPacketData(insn.imm)) env.subprog(env.subprogOf(index)).changesPacket = true;
  if (isHelperCall(insn) && mightSleep(env, insn.imm)) env.subprog(env.subprogOf(index)).mightSleep = true;
  if (kfunc?.changesPacket === true) env.subprog(env.subprogOf(index)).changesPacket = true;
  if (kfunc?.sleepable === true) env.subprog(env.subprogOf(index)).mightSleep = true;
  if (kfunc?.iter === 'next') {
    facts.prunePoint = true;
    facts.forceCheckpoint = true;
  }
}

/** What a function that is called does, its caller does. */
function mergeEffects(env: Env, index: number): void {
  const called = calledAt(env.insnAt(index), index) ?? namedAt(env, index);
  if (called === undefined) return;
  const caller = env.subprog(env.subprogOf(index));
  const callee = env.subprog(env.subprogOf(called));
  caller.changesPacket ||= callee.changesPacket;
  caller.mightSleep ||= callee.mightSleep;
}

function markMeeting(env: Env, index: number): void {
  const facts = env.facts[index];
  if (facts === undefined) return;
  facts.prunePoint = true;
  facts.jumpPoint = true;
}

function markTarget(env: Env, index: number): void {
  markMeeting(env, index);
  const facts = env.facts[index];
  if (facts !== undefined) facts.isJumpTarget = true;
}

/**
 * The instructions of a function so that most come after those that may follow them, in Linux's order, which the log shows: what a branch leads to is
 * noted as seen when the branch is, so that a way between its two sides does not count.
 */
export function postorder(env: Env, start: number): readonly number[] {
  const order: number[] = [];
  const open = [start];
  const seen = new Uint8Array(env.insns.length);
  const expanded = new Uint8Array(env.insns.length);
  seen[start] = 1;
  for (let top = open[open.length - 1]; top !== undefined; top = open[open.length - 1]) {
    if (expanded[top] === 1) {
      open.pop();
      order.push(top);
      continue;
    }
    expanded[top] = 1;
    for (const next of env.successors(top)) {
      if (seen[next] === 1) continue;
      seen[next] = 1;
      open.push(next);
    }
  }
  return order;
}
