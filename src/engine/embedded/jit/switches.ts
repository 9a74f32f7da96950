import type { JumpOp } from '../../../isa/index.ts';
import type { Flow } from './flow.ts';
import type { Block, End, Graph, Op, Way } from './graph.ts';
import { at, type Known, transfer, type Values } from './transfer.ts';
import { bitsOf, isNarrow, type Value } from './value.ts';

/** Comparisons from which on a table is worth while. */
const MIN_COMPARES = 4;
const MAX_COMPARES = 256;
/** Places of a table for one comparison. */
const MAX_SPARSENESS = 8;
/** Steps that the search for trees may take in one function. */
const MAX_STEPS = 1 << 20;
/** What it takes, about, to find one comparison, and to sort its number among the others. */
const STEPS_FOR_ONE = 8;
const MAX_WORD = 0xffff_ffff;
const SIGN = 0x8000_0000;

/**
 * The function with tables where trees of comparisons of one register with numbers lead from block to block, which is what a switch becomes for want of an instruction
 * for it. `known`: at the start of each block. The same graph if there is none.
 */
export function withSwitches(graph: Graph, flow: Flow, known: readonly (Values | undefined)[], around: Known): Graph {
  const { blocks } = graph;
  const found = new Map<number, End>();
  const inside = new Set<number>();
  const budget = { steps: MAX_STEPS };
  for (const root of flow.order) {
    const block = blocks[root] as Block; // order is of blocks
    if (!isCandidate(block, blocks)) continue;
    const from = flow.predecessors[root] ?? [];
    if (from.length > 0 && inside.has(root) && from.every((other) => inside.has(other) || found.has(other))) continue;
    const values = known[root]?.slice();
    if (values === undefined) continue;
    for (const op of block.ops) transfer(op, values, around);
    const tree = new Tree(blocks, root, block.end.op, at(values, block.end.op.dst));
    budget.steps -= STEPS_FOR_ONE * tree.members.size;
    if (budget.steps <= 0) break;
    const end = tree.table(budget);
    if (end === undefined) continue;
    found.set(root, end);
    for (const other of tree.members) inside.add(other);
  }
  if (found.size === 0) return graph;
  return { ...graph, blocks: blocks.map((block, i) => ({ ...block, end: found.get(i) ?? block.end })) };
}

/** A block at whose end there may be a tree: one way leads to another comparison of the register. */
function isCandidate(block: Block, blocks: readonly Block[]): block is Block & { readonly end: { kind: 'branch' } } {
  const { end } = block;
  if (end.kind !== 'branch' || !isCompare(end.op)) return false;
  return [end.next, end.taken].some((to) => {
    const { ops = NO_OPS, end: after } = blocks[behindGotos(blocks, to)] ?? {};
    return ops.length === 0 && after?.kind === 'branch' && after.op.dst === end.op.dst && isCompare(after.op);
  });
}

const NO_OPS: readonly Op[] = [];

/** The block that one leads to, or itself if it does anything. */
function behindGotos(blocks: readonly Block[], block: number): number {
  let at = block;
  for (let left = MAX_GOTOS; left > 0; left--) {
    const { ops = NO_OPS, end } = blocks[at] ?? {};
    if (ops.length > 0 || end?.kind !== 'goto') break;
    at = end.to;
  }
  return at;
}

/** One after the other that lead nowhere else. */
const MAX_GOTOS = 4;

/** Whether an instruction compares a register with a number. */
function isCompare({ operation }: Op): boolean {
  return operation.kind === 'jump' && operation.source === 'imm' && operation.op !== 'jset';
}

/** Numbers from `first` on, up to the next interval, which all lead to one block. */
interface Interval {
  readonly first: number;
  readonly to: number;
}

class Tree {
  readonly #blocks: readonly Block[];
  readonly #root: number;
  readonly #reg: number;
  /** The high word of the register is 0: what compares all of it compares its low word, without signs. */
  readonly #narrow: boolean;
  /** The greatest number that the low word can be. */
  readonly #most: number;
  /** Blocks that compare, the root in front. */
  readonly members = new Set<number>();

  constructor(blocks: readonly Block[], root: number, { dst }: Op, value: Value) {
    this.#blocks = blocks;
    this.#root = root;
    this.#reg = dst;
    this.#narrow = isNarrow(value);
    this.#most = this.#narrow ? 2 ** bitsOf(value) - 1 : MAX_WORD;
    this.#compareAt(root);
    for (const member of this.members) {
      const { end } = blocks[member] as Block; // members are blocks
      if (end.kind !== 'branch') continue;
      for (const way of [end.next, end.taken]) {
        const to = behindGotos(blocks, way);
        if (blocks[to]?.ops.length === 0) this.#compareAt(to);
      }
    }
  }

  /** Adds a block if it compares the register with a number. */
  #compareAt(number: number): void {
    const end = this.#blocks[number]?.end;
    if (end?.kind !== 'branch' || end.op.dst !== this.#reg || !isCompare(end.op)) return;
    const { operation, imm } = end.op;
    const fits = operation.kind === 'jump' && (operation.bits === 32 || (this.#narrow && imm >= 0));
    if (fits && this.members.size < MAX_COMPARES) this.members.add(number);
  }

  /** What stands in for the tree; `undefined`: it has few comparisons, or numbers that are far from each other. */
  table(budget: { steps: number }): End | undefined {
    if (this.members.size < MIN_COMPARES) return undefined;
    const intervals = this.#intervals(budget);
    const otherwise = intervals && this.#mostFrequent(intervals);
    if (intervals === undefined || otherwise === undefined) return undefined;
    const behind = (i: number): number => intervals[i + 1]?.first ?? this.#most + 1;
    const first = intervals.findIndex(({ to }) => to !== otherwise);
    const last = intervals.findLastIndex(({ to }) => to !== otherwise);
    const low = intervals[first]?.first ?? 0;
    if (first < 0 || behind(last) - low > MAX_SPARSENESS * this.members.size) return undefined;
    const targets: number[] = [];
    for (let i = first; i <= last; i++)
      for (let n = intervals[i]?.first ?? 0; n < behind(i); n++) targets.push(intervals[i]?.to ?? otherwise);
    return { kind: 'switch', reg: this.#reg, low, targets, otherwise, ways: waysOf(low, targets, otherwise) };
  }

  /** Where numbers lead to, in their order; `undefined`: that takes too long to find out. */
  #intervals(budget: { steps: number }): readonly Interval[] | undefined {
    const intervals: Interval[] = [];
    for (const first of this.#bounds()) {
      const to = this.#follow(first, budget);
      if (to === undefined) return undefined;
      if (intervals.at(-1)?.to !== to) intervals.push({ first, to });
    }
    return intervals;
  }

  /** Numbers at which some comparison may begin to say something else. */
  #bounds(): readonly number[] {
    const bounds = new Set([0, SIGN]);
    for (const member of this.members) {
      const end = this.#blocks[member]?.end;
      if (end?.kind !== 'branch') continue;
      bounds.add(end.op.imm >>> 0);
      bounds.add((end.op.imm >>> 0) + 1);
    }
    return [...bounds].filter((bound) => bound <= this.#most).sort((a, b) => a - b);
  }

  /** The block behind the tree that a number leads to. Comparisons in a circle come to no end: then, too, `undefined`. */
  #follow(number: number, budget: { steps: number }): number | undefined {
    let block = this.#root;
    for (let left = this.members.size; left >= 0 && budget.steps > 0; left--) {
      budget.steps--;
      const end = this.#blocks[block]?.end;
      if (!this.members.has(block) || end?.kind !== 'branch') return block;
      block = behindGotos(this.#blocks, isTaken(end.op, number) ? end.taken : end.next);
      if (block === this.#root) return block;
    }
    return undefined;
  }

  /** The block that most numbers lead to. */
  #mostFrequent(intervals: readonly Interval[]): number | undefined {
    const counts = new Map<number, number>();
    for (const [i, { first, to }] of intervals.entries()) {
      const behind = intervals[i + 1]?.first ?? this.#most + 1;
      counts.set(to, (counts.get(to) ?? 0) + behind - first);
    }
    let best: number | undefined;
    for (const [to, count] of counts) if (count > (counts.get(best ?? -1) ?? 0)) best = to;
    return best;
  }
}

/** Each block that a table leads to, once, with the least and the greatest number that lead there. */
function waysOf(low: number, targets: readonly number[], otherwise: number): readonly Way[] {
  const ways = new Map<number, Way>([[otherwise, { to: otherwise, least: 0, most: MAX_WORD }]]);
  for (const [i, to] of targets.entries()) {
    const number = low + i;
    const known = ways.get(to);
    ways.set(to, { to, least: known?.least ?? number, most: Math.max(known?.most ?? 0, number) });
  }
  return [...ways.values()];
}

/** Whether a comparison with a number is true for a word. */
function isTaken({ operation, imm }: Op, word: number): boolean {
  if (operation.kind !== 'jump') return false;
  return operation.bits === 32 && operation.op.startsWith('js')
    ? COMPARE[operation.op](word | 0, imm)
    : COMPARE[operation.op](word, imm >>> 0);
}

// biome-ignore format: aligned table
const COMPARE: Record<JumpOp, (a: number, b: number) => boolean> = {
  jeq:  (a, b) => a === b, jne:  (a, b) => a !== b, jset: (a, b) => (a & b) !== 0,
  jgt:  (a, b) => a > b,   jge:  (a, b) => a >= b,  jlt:  (a, b) => a < b,   jle:  (a, b) => a <= b,
  jsgt: (a, b) => a > b,   jsge: (a, b) => a >= b,  jslt: (a, b) => a < b,   jsle: (a, b) => a <= b,
};
