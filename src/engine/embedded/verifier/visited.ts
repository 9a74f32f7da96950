import { BPF_F_TEST_STATE_FREQ } from '../../../uapi/bpf.ts';
import { statesEqual } from './compare.ts';
import type { Env } from './env.ts';
import { pushHistory } from './history.ts';
import { CALLS_CALLBACK, FORCE_CHECKPOINT, ITER_NEXT, JUMP_POINT } from './insn-facts.ts';
import { propagatePrecision } from './precision.ts';
import { printFrame } from './print-state.ts';
import { NOT_INIT, sameButIds } from './reg.ts';
import { spiOf } from './stack.ts';
import { EMPTY_SLOT, ITER, typeOf } from './stack-slot.ts';
import type { State } from './state.ts';

/** Instructions that jump, in the history of one state. */
const MAX_HISTORY = 40;

/** At a place where paths meet: whether all that can follow was found safe before. Else the state may be kept, for those that come later. */
export function isVisited(env: Env, insn: number): boolean {
  const { state } = env;
  const checkpoint = env.facts.has(insn, FORCE_CHECKPOINT);
  const force =
    (env.program.flags & BPF_F_TEST_STATE_FREQ) !== 0 || checkpoint || (state.history?.count ?? 0) > MAX_HISTORY;
  let keep =
    force ||
    (env.jumpsProcessed - env.previousJumpsProcessed >= 2 && env.insnsProcessed - env.previousInsnsProcessed >= 8);
  const kept = env.exploredAt(insn);
  cleanStates(env, kept, insn);
  let count = 0;
  for (let i = 0; i < kept.length; ) {
    const old = kept[i] as State; // i is below the length
    count++;
    if (old.insn !== insn) {
      i++;
      continue;
    }
    const found = compareWith(env, old, insn);
    if (found === 'same' || found === 'loop') {
      old.hits++;
      if (env.facts.has(env.insn, JUMP_POINT)) pushHistory(env);
      propagatePrecision(env, old, state, insn);
      if (found === 'loop') keepBackedge(env, old, insn);
      return true;
    }
    if (
      found === 'unfinished' &&
      !force &&
      env.jumpsProcessed - env.previousJumpsProcessed < 20 &&
      env.insnsProcessed - env.previousInsnsProcessed < 100
    )
      keep = false;
    if (keep) old.misses++;
    const patience = checkpoint && old.branches > 0 ? 64 : 3;
    if (old.misses > old.hits * patience + patience) {
      kept.splice(i, 1);
      old.dropped = true;
      if (old.branches === 0) env.countStates(-1);
      continue;
    }
    i++;
  }
  env.maxStatesPerInsn = Math.max(env.maxStatesPerInsn, count);
  if (keep) kept.unshift(keepState(env, insn));
  return false;
}

type Comparison = 'same' | 'loop' | 'unfinished' | 'other';

function compareWith(env: Env, old: State, insn: number): Comparison {
  const { state } = env;
  if (old.branches === 0) {
    const loop = env.sccs.isIncomplete(old);
    if (!statesEqual(env, old, state, loop ? 'within' : 'loose')) return 'other';
    return loop ? 'loop' : 'same';
  }
  const frame = old.frame;
  if (frame.inAsyncCallback && frame.asyncEntryCount !== state.frame.asyncEntryCount) return 'unfinished';
  if (env.facts.has(insn, ITER_NEXT)) {
    if (statesEqual(env, old, state, 'within') && nextIsActive(env, state)) return 'loop';
    return 'unfinished';
  }
  if (env.operations[insn]?.kind === 'may_goto') {
    if (old.mayGotoDepth !== state.mayGotoDepth && statesEqual(env, old, state, 'within')) return 'loop';
  }
  if (env.facts.has(insn, CALLS_CALLBACK)) return statesEqual(env, old, state, 'within') ? 'loop' : 'unfinished';
  if (
    mayLoop(old, state) &&
    statesEqual(env, old, state, 'exact') &&
    !depthsDiffer(old, state) &&
    old.mayGotoDepth === state.mayGotoDepth &&
    old.callbackUnrollDepth === state.callbackUnrollDepth
  ) {
    env.note(`infinite loop detected at insn ${insn}`);
    env.note(`cur state:${printFrame(state, state.frame)}`);
    env.fail('EINVAL', `old state:${printFrame(old, old.frame)}`);
  }
  return 'unfinished';
}

/** The registers of the last frame have not changed. */
function mayLoop(old: State, state: State): boolean {
  if (old.curframe !== state.curframe) return false;
  const [before, now] = [old.frame, state.frame];
  for (let reg = 0; reg < 11; reg++) {
    const [a, b] = [before.reg(reg), now.reg(reg)];
    if (a !== b && !(sameButIds(a, b) && a.id === b.id && a.refObjId === b.refObjId)) return false;
  }
  return true;
}

/** The iterator that r1 points to has something left. */
function nextIsActive(env: Env, state: State): boolean {
  const pointer = state.frame.reg(1);
  const spi = spiOf(pointer.off + pointer.num.smin.number);
  return env.state.frames[pointer.frameno]?.slot(spi).reg.iter?.state === 'active';
}

function depthsDiffer(old: State, state: State): boolean {
  for (const [i, frame] of old.frames.entries()) {
    for (let spi = 0; spi < frame.stack.length; spi++) {
      const slot = frame.slot(spi);
      if (typeOf(slot, 0) !== ITER || slot.reg.iter?.state !== 'active') continue;
      if (state.frames[i]?.slot(spi).reg.iter?.depth !== slot.reg.iter.depth) return true;
    }
  }
  return false;
}

function keepBackedge(env: Env, old: State, insn: number): void {
  const from = env.state.copy();
  from.insn = insn;
  env.sccs.addBackedge(old, from);
}

function keepState(env: Env, insn: number): State {
  const { state } = env;
  env.totalStates++;
  env.countStates(1);
  env.previousJumpsProcessed = env.jumpsProcessed;
  env.previousInsnsProcessed = env.insnsProcessed;
  // What matters from here on is found out anew.
  state.mapRegs((reg) => (reg.kind === 'scalar' && reg.precise ? reg.withPrecise(false) : reg));
  const kept = state.copy();
  kept.insn = insn;
  kept.branches = 1;
  env.sccs.enter(kept);
  state.parent = kept;
  state.firstInsn = insn;
  state.history = undefined;
  env.historyEntry = undefined;
  state.dfsDepth = kept.dfsDepth + 1;
  return kept;
}

/** Takes out of the kept states what nobody reads any more, once all that follows from them is known. */
function cleanStates(env: Env, kept: readonly State[], insn: number): void {
  for (const state of kept) {
    if (state.insn !== insn || state.branches > 0 || state.cleaned || env.sccs.isIncomplete(state)) continue;
    if (!state.hasSameCallsites(env.state)) continue;
    cleanState(env, state);
  }
}

function cleanState(env: Env, state: State): void {
  state.cleaned = true;
  const isAlive = env.liveness.aliveIn(state);
  for (const [i, frame] of state.frames.entries()) {
    const liveRegs = env.facts.liveRegs[state.insnOf(i)] ?? 0;
    for (let reg = 0; reg < 10; reg++) if ((liveRegs & (1 << reg)) === 0) frame.regs[reg] = NOT_INIT;
    for (let spi = 0; spi < frame.stack.length; spi++)
      if (frame.slot(spi).types !== 0 && !isAlive(i, spi)) frame.stack[spi] = EMPTY_SLOT;
  }
}
