import type { Env } from './env.ts';
import type { State } from './state.ts';

/** Rounds of carrying marks around a loop. */
const MAX_ROUNDS = 64;

/** Gives each loop of the program a number: its instructions can reach each other. By Tarjan's algorithm, without recursion. */
export function computeLoops({ insns, successors, facts }: Env): void {
  const count = insns.length;
  if (!goesBack(successors)) return;
  /** In which order they were come to, from 1 on. */
  const index = new Int32Array(count);
  const low = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const stack = new Int32Array(count);
  const open = new Int32Array(count);
  const looked = new Uint8Array(count);
  let [numbered, height, loops] = [0, 0, 0];
  for (let root = 0; root < count; root++) {
    if (index[root] !== 0) continue;
    let depth = 0;
    const enter = (insn: number): void => {
      index[insn] = low[insn] = ++numbered;
      stack[height++] = insn;
      onStack[insn] = 1;
      open[depth++] = insn;
    };
    enter(root);
    while (depth > 0) {
      const top = open[depth - 1] ?? root;
      const edge = looked[top] ?? 0;
      if (edge < 2) {
        looked[top] = edge + 1;
        const next = successors[2 * top + edge] ?? -1;
        if (next < 0) continue;
        if (index[next] === 0) enter(next);
        else if (onStack[next] === 1) low[top] = Math.min(low[top] ?? 0, index[next] ?? 0);
        continue;
      }
      depth--;
      if (depth > 0) {
        const above = open[depth - 1] ?? root;
        low[above] = Math.min(low[above] ?? 0, low[top] ?? 0);
      }
      if (low[top] !== index[top]) continue;
      const isLoop = stack[height - 1] !== top || successors[2 * top] === top || successors[2 * top + 1] === top;
      if (isLoop) loops++;
      for (let member = -1; member !== top; ) {
        member = stack[--height] ?? top;
        onStack[member] = 0;
        if (isLoop) facts.scc[member] = loops;
      }
    }
  }
}

function goesBack(successors: Int32Array): boolean {
  for (let i = 0; i < successors.length; i++) {
    const next = successors[i] ?? -1;
    if (next >= 0 && next <= i >> 1) return true;
  }
  return false;
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
      const scc = this.#env.facts.scc[insn] ?? 0;
      if (scc !== 0) return [...callsites, scc].join();
      callsites.push(insn);
    }
    return undefined;
  }
}
