import type { ActionKind, TcAction } from './action.ts';

/** Actions of one kind that a network may have: a caller in a loop must not fill the memory. */
const MAX_ACTIONS = 1 << 16;

/** The actions of one kind, by their index. */
export class ActionTable {
  readonly kind: ActionKind;
  readonly #byIndex = new Map<number, TcAction>();
  /** Indices that a request has taken whose actions are not there yet. */
  readonly #reserved = new Set<number>();
  /** No index below it is free. */
  #lowest = 1;

  constructor(kind: ActionKind) {
    this.kind = kind;
  }

  find(index: number): TcAction | undefined {
    return this.#byIndex.get(index);
  }

  /** By growing index. */
  get actions(): TcAction[] {
    return [...this.#byIndex.values()].sort((a, b) => a.index - b.index);
  }

  /** An index for a new action, 0 for any. `undefined`: it is taken, or there are too many. */
  reserve(wanted: number): number | undefined {
    if (this.#byIndex.size + this.#reserved.size >= MAX_ACTIONS) return undefined;
    const index = wanted === 0 ? this.#free() : wanted;
    if (this.#isTaken(index)) return undefined;
    this.#reserved.add(index);
    return index;
  }

  /** Gives a reserved index back, or (`action`) to its action. */
  settle(index: number, action?: TcAction): void {
    this.#reserved.delete(index);
    if (action !== undefined) this.#byIndex.set(index, action);
    else this.#lowest = Math.min(this.#lowest, index);
  }

  remove(action: TcAction): void {
    if (this.#byIndex.get(action.index) === action) this.#byIndex.delete(action.index);
    this.settle(action.index);
  }

  #free(): number {
    while (this.#isTaken(this.#lowest)) this.#lowest++;
    return this.#lowest;
  }

  #isTaken(index: number): boolean {
    return this.#byIndex.has(index) || this.#reserved.has(index);
  }
}

export type ActionTables = Readonly<Record<ActionKind, ActionTable>>;

export function createActionTables(): ActionTables {
  return { bpf: new ActionTable('bpf'), gact: new ActionTable('gact'), mirred: new ActionTable('mirred') };
}
