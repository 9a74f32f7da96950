import type { Block } from './graph.ts';

/** How control flows through a function, as far as it is reached at all. */
export interface Flow {
  /** Blocks in reverse postorder: each before those that it leads to, but for ways back. */
  readonly order: readonly number[];
  /** The place of a block in `order`; -1: nothing leads there. */
  readonly place: readonly number[];
  /** The blocks that each is the immediate dominator of. */
  readonly children: readonly (readonly number[])[];
  readonly loopHeader: readonly boolean[];
  /** Several ways forward lead there. */
  readonly merges: readonly boolean[];
  readonly predecessors: readonly (readonly number[])[];
  /** Each way back leads to a block that dominates where it comes from. */
  readonly reducible: boolean;
  /** How deep the tree of dominators is. */
  readonly depth: number;
}

export function successorsOf({ end }: Block): readonly number[] {
  switch (end.kind) {
    case 'goto':
      return [end.to];
    case 'branch':
      return [end.next, end.taken];
    case 'exit':
      return [];
  }
}

export function flowOf(blocks: readonly Block[]): Flow {
  const order = reversePostorder(blocks);
  const place: number[] = new Array(blocks.length).fill(-1);
  for (const [i, block] of order.entries()) place[block] = i;
  const predecessors: number[][] = blocks.map(() => []);
  for (const block of order) for (const next of successorsOf(blocks[block] as Block)) predecessors[next]?.push(block);
  const dominators = dominatorsOf(order, place, predecessors);
  const children: number[][] = blocks.map(() => []);
  const depths: number[] = new Array(blocks.length).fill(0);
  let depth = 0;
  for (const block of order.slice(1)) {
    const parent = dominators[block] ?? 0;
    children[parent]?.push(block);
    depths[block] = (depths[parent] ?? 0) + 1;
    depth = Math.max(depth, depths[block] ?? 0);
  }
  const loopHeader = blocks.map(() => false);
  let reducible = true;
  const merges = blocks.map((_, block) => {
    let forward = 0;
    for (const from of predecessors[block] ?? []) {
      if ((place[from] ?? 0) < (place[block] ?? 0)) forward++;
      else {
        loopHeader[block] = true;
        if (!dominates(block, from, dominators)) reducible = false;
      }
    }
    return forward > 1;
  });
  return { order, place, children, loopHeader, merges, predecessors, reducible, depth };
}

function reversePostorder(blocks: readonly Block[]): number[] {
  const done: number[] = [];
  const seen = new Set([0]);
  const path: { readonly block: number; readonly left: number[] }[] = [
    { block: 0, left: [...successorsOf(blocks[0] as Block)] },
  ];
  for (;;) {
    const top = path.at(-1);
    if (top === undefined) return done.reverse();
    const next = top.left.pop();
    if (next === undefined) {
      done.push(top.block);
      path.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      path.push({ block: next, left: [...successorsOf(blocks[next] as Block)] });
    }
  }
}

/** The immediate dominator of each block, found by going through all until nothing changes (Cooper, Harvey and Kennedy 2001). */
function dominatorsOf(
  order: readonly number[],
  place: readonly number[],
  predecessors: readonly (readonly number[])[],
): (number | undefined)[] {
  const dominators: (number | undefined)[] = [];
  dominators[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of order) {
      if (block === 0) continue;
      let common: number | undefined;
      for (const from of predecessors[block] ?? []) {
        if (dominators[from] === undefined) continue;
        common = common === undefined ? from : meet(common, from, dominators, place);
      }
      if (dominators[block] !== common) {
        dominators[block] = common;
        changed = true;
      }
    }
  }
  return dominators;
}

function meet(a: number, b: number, dominators: readonly (number | undefined)[], place: readonly number[]): number {
  let [x, y] = [a, b];
  while (x !== y) {
    if ((place[x] ?? 0) > (place[y] ?? 0)) x = dominators[x] ?? 0;
    else y = dominators[y] ?? 0;
  }
  return x;
}

function dominates(block: number, other: number, dominators: readonly (number | undefined)[]): boolean {
  let at = other;
  while (at !== block && at !== 0) at = dominators[at] ?? 0;
  return at === block;
}
