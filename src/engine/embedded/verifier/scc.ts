import type { Env } from './env.ts';
import type { State } from './state.ts';

/** Rounds of carrying marks around a loop. */
const MAX_ROUNDS = 64;

/** Gives each loop of the program a number: its instructions can reach each other. By Tarjan's algorithm, without recursion. */
export function computeLoops(env: Env): void {
  const count = env.insns.length;
  if (!env.insns.some((_, insn) => env.successors(insn).some((next) => next <= insn))) return;
  const index = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const stack: number[] = [];
  let next = 0;
  let loops = 0;
  for (let root = 0; root < count; root++) {
    if (index[root] !== -1) continue;
    const open: { readonly insn: number; at: number }[] = [];
    const enter = (insn: number): void => {
      index[insn] = low[insn] = next++;
      stack.push(insn);
      onStack[insn] = 1;
      open.push({ insn, at: 0 });
    };
    enter(root);
    for (let top = open[open.length - 1]; top !== undefined; top = open[open.length - 1]) {
      const successor = env.successors(top.insn)[top.at++];
      if (successor !== undefined) {
        if (index[successor] === -1) enter(successor);
        else if (onStack[successor] === 1) low[top.insn] = Math.min(low[top.insn] ?? 0, index[successor] ?? 0);
        continue;
      }
      open.pop();
      const above = open[open.length - 1];
      if (above !== undefined) low[above.insn] = Math.min(low[above.insn] ?? 0, low[top.insn] ?? 0);
      if (low[top.insn] !== index[top.insn]) continue;
      const members: number[] = [];
      for (let member = -1; member !== top.insn; ) {
        member = stack.pop() ?? top.insn;
        onStack[member] = 0;
        members.push(member);
      }
      if (members.length > 1 || env.successors(top.insn).includes(top.insn)) {
        loops++;
        for (const member of members) env.factsAt(member).scc = loops;
      }
    }
  }
}

/** States in a loop that were found equal to an earlier one whose paths were not all followed: their marks are carried on when they are. */
interface Visit {
  entry: State | undefined;
  backedges: { readonly from: State; readonly equal: State }[];
}

/**
 * A loop, as entered along one chain of calls. While it is being followed, what an earlier state in it needs is not known whole; only states that
 * are in no way wider may be taken as equal to it.
 */
export class SccVisits {
  readonly #env: Env;
  readonly #visits = new Map<string, Visit>();
  /** Of all visits. */
  #backedges = 0;
  readonly #propagate: (from: State, to: State) => boolean;
  readonly #makePrecise: (state: State) => void;

  /** `propagate` carries the marks of a state to one that is equal to it: whether it changed. */
  constructor(env: Env, propagate: (from: State, to: State) => boolean, makePrecise: (state: State) => void) {
    this.#env = env;
    this.#propagate = propagate;
    this.#makePrecise = makePrecise;
  }

  enter(state: State): void {
    const key = this.#key(state);
    if (key === undefined) return;
    const visit = this.#visits.get(key) ?? { entry: undefined, backedges: [] };
    this.#visits.set(key, visit);
    if (visit.entry !== undefined) return;
    visit.entry = state;
    this.#env.log.detail(() => `SCC enter (${key})`);
  }

  /** All paths from the state are followed. */
  exit(state: State): void {
    const key = this.#key(state);
    const visit = key === undefined ? undefined : this.#visits.get(key);
    if (visit === undefined || visit.entry !== state) return;
    visit.entry = undefined;
    this.#env.log.detail(() => `SCC exit (${key})`);
    for (let round = 0, changed = true; changed; ) {
      changed = false;
      if (++round > MAX_ROUNDS) {
        for (const { from } of visit.backedges) this.#makePrecise(from);
        break;
      }
      for (const { from, equal } of visit.backedges) if (this.#propagate(equal, from)) changed = true;
    }
    this.#backedges -= visit.backedges.length;
    this.#env.countStates(-visit.backedges.length);
    visit.backedges = [];
  }

  /** `from` goes on as `equal` did. */
  addBackedge(equal: State, from: State): void {
    const key = this.#key(equal);
    const visit = key === undefined ? undefined : this.#visits.get(key);
    if (visit === undefined) return;
    this.#env.log.detail(() => `SCC backedge (${key})`);
    visit.backedges.push({ from, equal });
    this.#backedges++;
    this.#env.countStates(1);
  }

  isIncomplete(state: State): boolean {
    if (this.#backedges === 0) return false;
    const key = this.#key(state);
    return key !== undefined && (this.#visits.get(key)?.backedges.length ?? 0) > 0;
  }

  #key(state: State): string | undefined {
    state.loop ??= this.#loopOf(state) ?? '';
    return state.loop || undefined;
  }

  #loopOf(state: State): string | undefined {
    const callsites: number[] = [];
    for (let i = 0; i <= state.curframe; i++) {
      const insn = state.insnOf(i);
      const { scc } = this.#env.factsAt(insn);
      if (scc !== 0) return [...callsites, scc].join();
      callsites.push(insn);
    }
    return undefined;
  }
}
