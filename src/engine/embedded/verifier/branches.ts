import type { ErrnoCode } from '../../../uapi/errno.ts';
import { BPF_COMPLEXITY_LIMIT_JMP_SEQ, type Env } from './env.ts';
import type { State } from './state.ts';

/** Another path from here, which is followed later: a copy of the state, to go on at `insn`. `tooMany`: what Linux 6.18 answers here if that is one too many. */
export function pushBranch(env: Env, insn: number, previous: number, tooMany: ErrnoCode = 'E2BIG'): State {
  const state = env.state.copy();
  return queue(env, state, insn, previous, tooMany);
}

export function queue(env: Env, state: State, insn: number, previous: number, tooMany: ErrnoCode = 'E2BIG'): State {
  env.waiting.push({ state, insn, previous, logLength: env.log.length });
  if (env.waiting.length > BPF_COMPLEXITY_LIMIT_JMP_SEQ)
    env.fail(tooMany, `The sequence of ${env.waiting.length} jumps is too complex.`);
  state.branches = 1;
  if (state.parent !== undefined) state.parent.branches++;
  return state;
}

/** The path that is being followed has come to its end. */
export function closePath(env: Env): void {
  for (let state: State | undefined = env.state; state !== undefined; state = state.parent) {
    state.branches--;
    if (state.branches > 0) return;
    env.sccs.exit(state);
    if (state.dropped) env.countStates(-1);
  }
}
