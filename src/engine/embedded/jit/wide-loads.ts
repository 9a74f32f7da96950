import type { MemSize } from '../../../isa/index.ts';
import { type Block, type Graph, inPlaceOf, type Op } from './graph.ts';
import { losesArguments, Origins } from './origins.ts';

/** Bytes of memory next to each other, in a register as one number. */
interface Piece {
  /** Whose address: see {@link Origins}. */
  readonly origin: number;
  readonly off: number;
  readonly size: number;
  /** By so many bits to the left. */
  readonly shift: number;
  /** The first byte is the lowest, or the highest; `undefined` for a byte. */
  readonly order: 'le' | 'be' | undefined;
  /** How many times memory was written before. */
  readonly writes: number;
  /** The first instruction that read of them, and the register that it had the address in. */
  readonly first: number;
  readonly base: number;
  /** The instructions that put together what would be a load of its own. */
  readonly parts: readonly number[];
}

/** The graph with loads of several bytes, instead of loads of single ones that are put together by shifts: what compilers make of fields that may be anywhere, those of packed structs. */
export function withWideLoads(graph: Graph): Graph {
  let temporaries = 0;
  let changed = false;
  const blocks = graph.blocks.map((block): Block => {
    if (!mayHaveSome(block.ops)) return block;
    const { found } = new Search(block.ops);
    if (found.size === 0) return block;
    const rewritten = rewrite(block.ops, found, graph.registers);
    changed = true;
    temporaries = Math.max(temporaries, rewritten.temporaries);
    return { ops: rewritten.ops, end: block.end };
  });
  return changed ? { ...graph, blocks, registers: graph.registers + temporaries } : graph;
}

function mayHaveSome(ops: readonly Op[]): boolean {
  let loads = 0;
  for (const { operation } of ops) if (operation.kind === 'load' && operation.size < 8) loads++;
  return loads > 1 && ops.some((op) => putsTogether(op));
}

/** Whether an instruction may put pieces together: they have no bit in common. */
function putsTogether({ operation }: Op): boolean {
  if (operation.kind !== 'alu' || operation.source !== 'reg') return false;
  return operation.op === 'or' || operation.op === 'xor' || operation.op === 'add';
}

class Search {
  /** By the number of the instruction that puts the last pieces together: what is in its register then. */
  readonly found = new Map<number, Piece>();
  readonly #origins = new Origins();
  readonly #pieces: (Piece | undefined)[] = [];
  #writes = 0;

  constructor(ops: readonly Op[]) {
    for (const [i, op] of ops.entries()) this.#follow(op, i);
  }

  #follow(op: Op, i: number): void {
    const { operation, result } = op;
    if (operation.kind === 'store' || operation.kind === 'atomic' || operation.kind === 'call') this.#writes++;
    if (result < 0) return;
    const piece = this.#pieceOf(op, i);
    this.#origins.follow(op);
    if (losesArguments(op)) this.#pieces.fill(undefined, 1, 6);
    this.#pieces[result] = piece;
  }

  /** What an instruction leaves in its result register, if that is a piece. */
  #pieceOf(op: Op, i: number): Piece | undefined {
    const { operation, dst, src, off, imm } = op;
    if (operation.kind === 'load') {
      const { size, signed } = operation;
      if (signed || size === 8 || op.probed || op.inArena) return undefined;
      const order = size === 1 ? undefined : 'le';
      const [origin, writes] = [this.#origins.of(src), this.#writes];
      return { origin, off, size, shift: 0, order, writes, first: i, base: src, parts: [] };
    }
    if (operation.kind !== 'alu') return undefined;
    const { op: name, bits, source } = operation;
    if (name === 'mov' && source === 'reg' && off === 0) return within(this.#pieces[src], bits);
    if (name === 'lsh' && source === 'imm') {
      const piece = this.#pieces[dst];
      return within(piece && { ...piece, shift: piece.shift + (imm & (bits - 1)) }, bits);
    }
    if (!putsTogether(op)) return undefined;
    const [left, right] = [within(this.#pieces[dst], bits), within(this.#pieces[src], bits)];
    return left && right && this.#together(left, right, i);
  }

  #together(left: Piece, right: Piece, i: number): Piece | undefined {
    if (left.origin !== right.origin || left.writes !== this.#writes || right.writes !== this.#writes) return undefined;
    const [front, back] = left.off < right.off ? [left, right] : [right, left];
    if (front.off + front.size !== back.off) return undefined;
    const order = orderOf(front, back);
    if (order === undefined) return undefined;
    const { first, base } = left.first < right.first ? left : right;
    const size = front.size + back.size;
    const shift = Math.min(front.shift, back.shift);
    const parts = [...left.parts, ...right.parts];
    const isLoad = size === 4 || size === 8 || (size === 2 && order === 'le');
    if (isLoad) for (const part of parts) this.found.delete(part);
    const piece = { ...front, size, shift, order, first, base, parts: isLoad ? [i] : parts };
    if (isLoad) this.found.set(i, piece);
    return piece;
  }
}

/** A piece all of whose bits an operation of so many has. */
function within(piece: Piece | undefined, bits: number): Piece | undefined {
  return piece !== undefined && piece.shift + 8 * piece.size <= bits ? piece : undefined;
}

/** The order of bytes that two neighbours have together, if they have one. */
function orderOf(front: Piece, back: Piece): Piece['order'] {
  if (front.order !== 'be' && back.order !== 'be' && front.shift + 8 * front.size === back.shift) return 'le';
  if (front.order !== 'le' && back.order !== 'le' && back.shift + 8 * back.size === front.shift) return 'be';
  return undefined;
}

/**
 * The load of a piece comes where its first byte was read: where it is put together, the address may be gone. Until then it is in a register of its own, from `registers` on. What reads and shifts
 * single bytes for that alone stays, and is not written, since nobody demands it.
 */
function rewrite(ops: readonly Op[], found: ReadonlyMap<number, Piece>, registers: number) {
  const loads = new Map<number, Op[]>();
  const results = new Map<number, readonly Op[]>();
  /** By register of those: the last instruction that needs it. */
  const busy: number[] = [];
  for (const [last, piece] of [...found].sort(([, a], [, b]) => a.first - b.first)) {
    const free = busy.findIndex((other) => other < piece.first);
    const place = free < 0 ? busy.length : free;
    busy[place] = last;
    const [begin, end] = [ops[piece.first] as Op, ops[last] as Op]; // found among them
    loads.set(piece.first, [...(loads.get(piece.first) ?? []), loadOf(begin, piece, registers + place)]);
    results.set(last, resultOf(end, piece, registers + place));
  }
  const rewritten = ops.flatMap((op, i) => [...(loads.get(i) ?? []), ...(results.get(i) ?? [op])]);
  return { ops: rewritten, temporaries: busy.length };
}

function loadOf(op: Op, { size, base, off }: Piece, register: number): Op {
  return inPlaceOf(op, { kind: 'load', size: size as MemSize, signed: false }, register, { src: base, off }); // 2, 4 or 8
}

function resultOf(op: Op, { size, shift, order }: Piece, register: number): readonly Op[] {
  const { dst } = op;
  const result = [inPlaceOf(op, { kind: 'alu', op: 'mov', bits: 64, source: 'reg' }, dst, { src: register })];
  if (order === 'be') result.push(inPlaceOf(op, { kind: 'end', to: 'be' }, dst, { imm: 8 * size }));
  if (shift > 0) result.push(inPlaceOf(op, { kind: 'alu', op: 'lsh', bits: 64, source: 'imm' }, dst, { imm: shift }));
  return result;
}
