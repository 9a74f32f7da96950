import type { Env } from './env.ts';
import type { HistoryEntry, State } from './state.ts';

/** Remembers the instruction that is being checked, for who goes back along the path; more may be written into the entry. */
export function pushHistory(env: Env): HistoryEntry {
  if (env.historyEntry !== undefined) return env.historyEntry;
  const { state } = env;
  const before = state.history;
  const entry: HistoryEntry = {
    insn: env.insn,
    previous: env.previousInsn,
    before,
    count: (before?.count ?? 0) + 1,
    stackAccess: undefined,
    srcIsStack: false,
    dstIsStack: false,
    linked: undefined,
  };
  state.history = entry;
  env.historyEntry = entry;
  return entry;
}

/** A walk back along the instructions of one state. */
export class Backwards {
  readonly #first: number;
  #entry: HistoryEntry | undefined;

  constructor(state: State) {
    this.#first = state.firstInsn;
    this.#entry = state.history;
  }

  /** The entry of the instruction, if it has one. */
  entryOf(insn: number): HistoryEntry | undefined {
    return this.#entry?.insn === insn ? this.#entry : undefined;
  }

  /** The instruction before; `undefined` where the state begins. */
  before(insn: number): number | undefined {
    const entry = this.#entry;
    if (insn === this.#first && (entry === undefined || (entry.count === 1 && entry.insn === insn))) return undefined;
    if (entry?.insn !== insn) return insn - 1;
    this.#entry = entry.before;
    return entry.previous;
  }
}
