import { dominatorsOf, type Search } from './dominators.ts';
import type { Block } from './graph.ts';

/** How control flows through a function, as far as it is reached at all. */
export interface Flow {
  /** Blocks in reverse postorder: each before those that it leads to, but for ways back. */
  readonly order: readonly number[];
  /** The place of a block in `order`; -1: nothing leads there. */
  readonly place: Int32Array;
  /** The blocks that each is the immediate dominator of, in that order. */
  readonly children: readonly (readonly number[])[];
  readonly loopHeader: readonly boolean[];
  /** Several ways forward lead there, or a switch does. */
  readonly merges: readonly boolean[];
  readonly predecessors: readonly (readonly number[])[];
  /** Each way back leads to a block that dominates where it comes from. */
  readonly reducible: boolean;
  /** How deep the tree of dominators is. */
  readonly depth: number;
}

/** Each once. */
function eachSuccessor({ end }: Block, tell: (to: number) => void): void {
  if (end.kind === 'goto') tell(end.to);
  else if (end.kind === 'branch') {
    tell(end.next);
    tell(end.taken);
  } else if (end.kind === 'switch') for (const { to } of end.ways) tell(to);
}

export function flowOf(blocks: readonly Block[]): Flow {
  const { search, order } = searchOf(blocks);
  const place = new Int32Array(blocks.length).fill(-1);
  for (let i = 0; i < order.length; i++) place[order[i] ?? 0] = i;
  const predecessors: number[][] = blocks.map(() => []);
  for (const block of order) eachSuccessor(blocks[block] as Block, (to) => predecessors[to]?.push(block)); // order is of blocks
  const dominators = dominatorsOf(search, predecessors);
  const children: number[][] = blocks.map(() => []);
  const depths = new Int32Array(blocks.length);
  let depth = 0;
  for (const block of order.slice(1)) {
    const parent = dominators[block] ?? 0;
    children[parent]?.push(block);
    depths[block] = (depths[parent] ?? 0) + 1;
    depth = Math.max(depth, depths[block] ?? 0);
  }
  const dominates = dominance(order, dominators);
  const loopHeader = blocks.map(() => false);
  let reducible = true;
  const merges = predecessors.map((from, block) => {
    let forward = 0;
    for (const other of from) {
      if ((place[other] ?? 0) < (place[block] ?? 0)) forward += blocks[other]?.end.kind === 'switch' ? SEVERAL : 1;
      else {
        loopHeader[block] = true;
        if (!dominates(block, other)) reducible = false;
      }
    }
    return forward > 1;
  });
  return { order, place, children, loopHeader, merges, predecessors, reducible, depth };
}

/** Functions that nest deeper than this are written as one loop around a table of their blocks. */
const MAX_NESTING = 1000;

/** Whether blocks of WebAssembly can follow the control flow; else a loop goes to each by its number. */
export function isNested({ reducible, depth }: Flow): boolean {
  return reducible && depth <= MAX_NESTING;
}

/** Blocks that are reached, and the same in reverse postorder. */
function searchOf(blocks: readonly Block[]): { readonly search: Search; readonly order: number[] } {
  const number = new Int32Array(blocks.length).fill(-1);
  const parent = new Int32Array(blocks.length).fill(-1);
  const found: number[] = [];
  const done: number[] = [];
  /** Ways that were not gone yet, and blocks to leave. */
  const left: [from: number, to: number][] = [[-1, 0]];
  for (let step = left.pop(); step !== undefined; step = left.pop()) {
    const [from, to] = step;
    if (to < 0) done.push(from);
    else if ((number[to] ?? 0) < 0) {
      number[to] = found.push(to) - 1;
      parent[to] = from;
      left.push([to, LEAVE]);
      eachSuccessor(blocks[to] as Block, (next) => left.push([to, next])); // to is of a block
    }
  }
  return { search: { found, number, parent }, order: done.reverse() };
}

const LEAVE = -1;
const SEVERAL = 2;

/** Whether one block dominates another. In the tree of dominators, what is below a block has places next to each other. */
function dominance(order: readonly number[], dominators: Int32Array): (block: number, other: number) => boolean {
  const size = new Int32Array(dominators.length).fill(1);
  for (let i = order.length - 1; i > 0; i--) {
    const block = order[i] as number; // i is below the length
    const parent = dominators[block] ?? 0;
    size[parent] = (size[parent] ?? 0) + (size[block] ?? 0);
  }
  const position = new Int32Array(dominators.length);
  /** The next one that is free below a block. */
  const free = new Int32Array(dominators.length).fill(1);
  for (const block of order.slice(1)) {
    const parent = dominators[block] ?? 0;
    const at = free[parent] ?? 0;
    position[block] = at;
    free[parent] = at + (size[block] ?? 0);
    free[block] = at + 1;
  }
  return (block, other) => {
    const distance = (position[other] ?? 0) - (position[block] ?? 0);
    return distance >= 0 && distance < (size[block] ?? 0);
  };
}
