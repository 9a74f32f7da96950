/** Blocks as a search in depth finds them. */
export interface Search {
  /** In the order in which they are found. */
  readonly found: readonly number[];
  /** By block: its place in `found`; -1: nothing leads there. */
  readonly number: Int32Array;
  /** By block: from which one it is found. */
  readonly parent: Int32Array;
}

/** The immediate dominator of each block, -1 for the first (Lengauer and Tarjan 1979, the simple way). */
export function dominatorsOf(
  { found, number, parent }: Search,
  predecessors: readonly (readonly number[])[],
): Int32Array {
  const count = number.length;
  const semi = number.slice();
  const dominators = new Int32Array(count).fill(-1);
  const forest = new Forest(count, semi);
  // Blocks by what is their semidominator, as lists.
  const first = new Int32Array(count).fill(-1);
  const next = new Int32Array(count).fill(-1);
  for (let i = found.length - 1; i > 0; i--) {
    const block = found[i] as number; // i is below the length
    let least = semi[block] ?? 0;
    for (const from of predecessors[block] ?? []) least = Math.min(least, semi[forest.eval(from)] ?? 0);
    semi[block] = least;
    const at = found[least] ?? 0;
    next[block] = first[at] ?? -1;
    first[at] = block;
    const above = parent[block] ?? 0;
    forest.link(above, block);
    for (let each = first[above] ?? -1; each >= 0; each = next[each] ?? -1) {
      const low = forest.eval(each);
      dominators[each] = (semi[low] ?? 0) < (semi[each] ?? 0) ? low : above;
    }
    first[above] = -1;
  }
  for (let i = 1; i < found.length; i++) {
    const block = found[i] as number;
    const dominator = dominators[block] ?? 0;
    if (dominator !== found[semi[block] ?? 0]) dominators[block] = dominators[dominator] ?? 0;
  }
  return dominators;
}

/** Trees whose paths get shorter when they are walked. */
class Forest {
  readonly #semi: Int32Array;
  readonly #ancestor: Int32Array;
  /** Of the blocks between one and the root: that with the least semidominator. */
  readonly #label: Int32Array;
  readonly #path: number[] = [];

  constructor(count: number, semi: Int32Array) {
    this.#semi = semi;
    this.#ancestor = new Int32Array(count).fill(-1);
    this.#label = Int32Array.from({ length: count }, (_, i) => i);
  }

  link(above: number, block: number): void {
    this.#ancestor[block] = above;
  }

  eval(block: number): number {
    const ancestor = this.#ancestor;
    if ((ancestor[block] ?? -1) < 0) return block;
    const path = this.#path;
    for (let at = block; (ancestor[ancestor[at] ?? -1] ?? -1) >= 0; at = ancestor[at] ?? -1) path.push(at);
    for (let at = path.pop(); at !== undefined; at = path.pop()) {
      const above = ancestor[at] ?? 0;
      if (this.#least(above) < this.#least(at)) this.#label[at] = this.#label[above] ?? 0;
      ancestor[at] = ancestor[above] ?? -1;
    }
    return this.#label[block] ?? block;
  }

  #least(block: number): number {
    return this.#semi[this.#label[block] ?? 0] ?? 0;
  }
}
