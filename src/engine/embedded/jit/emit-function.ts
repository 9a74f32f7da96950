import type { ProgType } from '../../../uapi/bpf.ts';
import { MAX_LOOPS } from '../interp/run.ts';
import type { Analysis, Shape } from './analysis.ts';
import { DEAD, type Demand, demandsBehind } from './demand.ts';
import { emitAlu, emitNegation, emitSwap } from './emit-alu.ts';
import { emitInArena } from './emit-arena.ts';
import { type Callees, emitCall, type Parameters } from './emit-call.ts';
import { emitCondition } from './emit-jump.ts';
import { emitAtomic, emitLoad, emitStore } from './emit-memory.ts';
import { emitPacketLoad } from './emit-packet.ts';
import { isNested } from './flow.ts';
import { FunctionText, type Place, placeOf } from './function-text.ts';
import type { Block, End, Op } from './graph.ts';
import { TAIL_CALLS } from './registers.ts';
import { type Rotate, rotatesOf } from './rotates.ts';
import { refined } from './transfer.ts';
import { CONTEXT } from './value.ts';

/** `analysis`: of the function for this shape, or another that gives back the same. */
export function emitFunction(analysis: Analysis, shape: Shape, type: ProgType, callees: Callees): Uint8Array {
  return new FunctionEmitter(analysis, shape, type, callees).emit();
}

/** A block of WebAssembly that one can go to the end of, or a loop that one can go to the start of. */
type Label = { readonly kind: 'behind' | 'loop'; readonly block: number } | { readonly kind: 'other' };

/** How many parameters there are. */
const PARAMETERS: Record<Shape, number> = { verdict: 2, target: 3, loop: 3, function: 6 };
/** Of a target: tail calls so far. */
const COUNT = 2;
const OTHER: Label = { kind: 'other' };
const NOBODY: readonly number[] = [];
const NOTHING: Demand = new Uint8Array(0);

class FunctionEmitter {
  readonly #analysis: Analysis;
  readonly #shape: Shape;
  readonly #callees: Callees;
  readonly #text: FunctionText;
  readonly #params: Parameters;
  readonly #labels: Label[] = [];
  /** By block: see {@link #placesAt}. */
  readonly #places: (readonly Place[] | undefined)[] = [];
  #mayGotos: number | undefined;
  /** Where blocks are chosen by number: the local with the number. */
  #next: number | undefined;

  constructor(analysis: Analysis, shape: Shape, type: ProgType, callees: Callees) {
    this.#analysis = analysis;
    this.#shape = shape;
    this.#callees = callees;
    const params = PARAMETERS[shape];
    const frame = shape === 'function' ? 5 : 1;
    this.#params = { frame, count: shape === 'target' && !callees.functionsTailCall ? COUNT : undefined };
    const { blocks, frames } = analysis.graph;
    const insns = blocks.reduce((sum, { ops }) => sum + ops.length + 1, 0);
    this.#text = new FunctionText(params, frame, frames, { type, constantAt: callees.constantAt }, insns);
  }

  emit(): Uint8Array {
    const text = this.#text;
    const { code } = text;
    text.begin();
    const { flow, graph } = this.#analysis;
    if (graph.blocks.some(({ end }) => end.kind === 'branch' && end.op.operation.kind === 'may_goto'))
      this.#mayGotos = code.local('i32');
    if (this.#shape === 'loop') {
      code.block('loop');
      this.#labels.push(OTHER);
      code.block('block', 'i32');
      this.#labels.push(OTHER);
    }
    if (this.#mayGotos !== undefined) {
      code.i32(MAX_LOOPS);
      code.set(this.#mayGotos);
    }
    if (this.#shape === 'target' && this.#callees.functionsTailCall) {
      code.i32(this.#callees.registers);
      code.get(COUNT);
      code.memory('i32_store', TAIL_CALLS, 2);
    }
    this.#emitEntry();
    if (isNested(flow)) this.#emitTree(0);
    else this.#emitTable();
    if (this.#shape === 'loop') {
      code.op('unreachable');
      code.end();
      this.#repeat();
    }
    code.op('unreachable');
    return code.finish();
  }

  /** Behind one run of a loop: the verdict is on the stack. */
  #repeat(): void {
    const { code } = this.#text;
    const verdict = code.local('i32');
    code.set(verdict);
    code.get(2);
    code.i32(1);
    code.op('i32_sub');
    code.tee(2);
    code.brIf(0);
    code.get(verdict);
    code.op('return');
    code.end();
  }

  #emitEntry(): void {
    const text = this.#text;
    text.values = [];
    text.places = [];
    if (this.#shape === 'function') for (let reg = 1; reg <= 5; reg++) text.parameter(reg, 'i64', reg - 1);
    else if (this.#shape === 'loop') {
      // The parameter stays as it is for the next time.
      text.code.get(0);
      text.write(1, 'i32');
      text.values[1] = CONTEXT;
    } else {
      text.parameter(1, 'i32', 0);
      text.values[1] = CONTEXT;
    }
    this.#toBlock(0);
  }

  // As in: Norman Ramsey, "Beyond Relooper" (2022). What several ways forward lead to follows a block of WebAssembly that they leave.

  #emitTree(block: number): void {
    const { flow } = this.#analysis;
    const behind = (flow.children[block] ?? NOBODY).filter((child) => flow.merges[child]);
    const { code } = this.#text;
    if (!flow.loopHeader[block]) {
      this.#emitWithin(block, behind, behind.length);
      return;
    }
    code.block('loop');
    this.#labels.push({ kind: 'loop', block });
    this.#emitWithin(block, behind, behind.length);
    this.#labels.pop();
    code.end();
    code.op('unreachable');
  }

  /** With the first `count` of the blocks that are behind it. */
  #emitWithin(block: number, behind: readonly number[], count: number): void {
    const { code } = this.#text;
    const next = behind[count - 1];
    if (next === undefined) {
      this.#emitBlock(block);
      return;
    }
    code.block('block');
    this.#labels.push({ kind: 'behind', block: next });
    this.#emitWithin(block, behind, count - 1);
    this.#labels.pop();
    code.end();
    this.#emitTree(next);
  }

  #emitBlock(number: number): void {
    const { graph, known, demands, results } = this.#analysis;
    const block = graph.blocks[number] as Block; // blocks are asked for that there are
    const text = this.#text;
    text.values = known[number]?.slice() ?? [];
    text.places = this.#placesAt(number).slice();
    const behind = demandsBehind(block, demands, results, graph.registers);
    const rotates = rotatesOf(block.ops);
    if (rotates.size > 0) this.#emitWithRotates(block.ops, behind, rotates);
    else {
      for (let i = 0; i < block.ops.length; i++) {
        const op = block.ops[i] as Op; // i is below the length
        text.start(op, behind[i] ?? DEAD);
        this.#emitOp(op);
        text.advance(op);
      }
    }
    this.#emitEnd(number, block.end);
  }

  #emitWithRotates(ops: readonly Op[], behind: Demand, rotates: ReadonlyMap<number, Rotate>): void {
    const text = this.#text;
    /** What is turned round, by the instruction before which it is in a register. */
    const kept = new Map([...rotates.values()].map(({ at, reg }) => [at, reg]));
    const locals = new Map<number, number | undefined>();
    for (const [i, op] of ops.entries()) {
      text.start(op, behind[i] ?? DEAD);
      const keep = kept.get(i);
      if (keep !== undefined) locals.set(i, text.keep(keep));
      const rotate = rotates.get(i);
      const local = rotate && locals.get(rotate.at);
      if (rotate === undefined || local === undefined || !text.rotate(op, local, rotate.by)) this.#emitOp(op);
      text.advance(op);
    }
  }

  #emitOp(op: Op): void {
    const text = this.#text;
    const { arena } = this.#callees;
    if (op.inArena && arena !== undefined) {
      emitInArena(text, op, arena);
      return;
    }
    switch (op.operation.kind) {
      case 'alu':
        emitAlu(text, op);
        return;
      case 'neg':
        emitNegation(text, op);
        return;
      case 'end':
        emitSwap(text, op);
        return;
      case 'load':
        emitLoad(text, op);
        return;
      case 'store':
        emitStore(text, op);
        return;
      case 'atomic':
        emitAtomic(text, op, this.#callees.shared);
        return;
      case 'ld_imm64':
        return; // a constant
      case 'call':
        emitCall(text, op, this.#callees, this.#params);
        return;
      case 'ld_abs':
      case 'ld_ind':
        emitPacketLoad(text, op, this.#callees.packetLoad, this.#shape === 'verdict' ? 'i32' : 'i64');
        return;
      case 'jump':
      case 'goto':
      case 'may_goto':
      case 'exit':
        throw new Error('a jump is at the end of a block');
    }
  }

  #emitEnd(from: number, end: End): void {
    const text = this.#text;
    const { code } = text;
    if (end.kind === 'exit') {
      if (this.#shape === 'verdict' || this.#shape === 'loop') text.read32(0);
      else text.read64(0);
      if (this.#shape === 'loop') code.br(this.#labels.length - 2);
      else code.op('return');
      return;
    }
    if (end.kind === 'goto') {
      this.#go(from, end.to);
      return;
    }
    if (end.kind === 'switch') {
      this.#emitSwitch(from, end);
      return;
    }
    const { op, taken, next } = end;
    const { values, places } = text;
    const ways = [refined(op, false, values), refined(op, true, values)] as const;
    this.#emitJump(op);
    code.block('if');
    this.#labels.push(OTHER);
    values[op.dst] = ways[1];
    this.#go(from, taken);
    this.#labels.pop();
    code.end();
    text.values = values;
    text.places = places;
    values[op.dst] = ways[0];
    this.#go(from, next);
  }

  /** Registers are where any of the ways expects them: each has a local for either place. */
  #emitSwitch(from: number, { reg, low, targets, otherwise, ways }: End & { readonly kind: 'switch' }): void {
    const text = this.#text;
    const { code } = text;
    for (const { to } of ways) this.#toBlock(to);
    text.read32(reg);
    if (low !== 0) {
      code.i32(low);
      code.op('i32_sub');
    }
    const depths = new Map(ways.map(({ to }) => [to, this.#depthOf(from, to)]));
    const depthOf = (to: number): number => depths.get(to) ?? 0;
    code.brTable(targets.map(depthOf), depthOf(otherwise));
  }

  /** Puts on the stack whether a jump is taken. */
  #emitJump(op: Op): void {
    const { code } = this.#text;
    if (op.operation.kind !== 'may_goto' || this.#mayGotos === undefined) {
      emitCondition(this.#text, op);
      return;
    }
    code.get(this.#mayGotos);
    code.i32(1);
    code.op('i32_sub');
    code.tee(this.#mayGotos);
    code.i32(0);
    code.op('i32_lt_s');
  }

  /** Goes to a block, with registers where it expects them. */
  #go(from: number, to: number): void {
    const { flow } = this.#analysis;
    const { code } = this.#text;
    this.#toBlock(to);
    if (this.#next !== undefined) {
      code.i32(flow.place[to] ?? 0);
      code.set(this.#next);
      code.br(this.#labels.length - 1 - this.#tableDepth);
      return;
    }
    if (!this.#isBack(from, to) && !flow.merges[to]) this.#emitTree(to);
    else code.br(this.#depthOf(from, to));
  }

  #isBack(from: number, to: number): boolean {
    const { place } = this.#analysis.flow;
    return (place[to] ?? 0) <= (place[from] ?? 0);
  }

  /** How many blocks of the text there are inside the one that leads to a block. */
  #depthOf(from: number, to: number): number {
    const kind = this.#isBack(from, to) ? 'loop' : 'behind';
    const labels = this.#labels;
    const at = labels.findLastIndex((label) => label.kind === kind && label.block === to);
    if (at < 0) throw new Error(`no block of the text leads to block ${to}`);
    return labels.length - 1 - at;
  }

  /** Where registers are at the start of a block. */
  #placesAt(block: number): readonly Place[] {
    const known = this.#places[block];
    if (known !== undefined) return known;
    const { known: values, demands } = this.#analysis;
    const places: Place[] = [];
    const wanted = demands[block] ?? NOTHING;
    for (let reg = 0; reg < wanted.length; reg++) places.push(placeOf(values[block]?.[reg], wanted[reg] ?? DEAD));
    this.#places[block] = places;
    return places;
  }

  #toBlock(block: number): void {
    const text = this.#text;
    const places = this.#placesAt(block);
    for (let reg = 0; reg < places.length; reg++) {
      const type = places[reg];
      if (type === undefined || text.places[reg] === type) continue;
      if (type === 'i32') text.read32(reg);
      else text.read64(reg);
      text.code.set(text.local(reg, type));
    }
  }

  #tableDepth = 0;

  /** For control flow that is not nested: blocks one after the other, in a loop that goes to one of them by its number. */
  #emitTable(): void {
    const { flow } = this.#analysis;
    const { code } = this.#text;
    this.#next = code.local('i32');
    code.i32(0);
    code.set(this.#next);
    code.block('loop');
    this.#tableDepth = this.#labels.length;
    this.#labels.push(OTHER);
    const { order } = flow;
    for (let i = order.length; i > 0; i--) {
      code.block('block');
      this.#labels.push(OTHER);
    }
    code.get(this.#next);
    code.brTable(
      order.map((_, i) => i),
      0,
    );
    for (const block of order) {
      this.#labels.pop();
      code.end();
      this.#emitBlock(block);
    }
    this.#labels.pop();
    code.end();
  }
}
