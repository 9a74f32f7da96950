import { calledBy } from '../interp/called.ts';
import type { BpfMap } from '../maps/map.ts';
import { DEAD, type Demand, demandsBehind, type Results } from './demand.ts';
import type { Flow } from './flow.ts';
import { type Block, type Graph, inPlaceOf, type Op } from './graph.ts';
import { at, type Known, transfer, type Values } from './transfer.ts';
import { bitsOf, isAddress, type Value } from './value.ts';
import { eachWay } from './values.ts';

/** Bytes of the stack, from the end of the function's own on: `off` is negative. */
interface Range {
  readonly off: number;
  readonly size: number;
}

/** What a program is made of, as far as memory is concerned. */
export interface Surroundings extends Known {
  /** The map whose header is at an address. */
  readonly mapAt: (address: number) => BpfMap | undefined;
  /** Whether looking an element up in a map is one of the instructions that are written out, so that its key need not be in memory. */
  readonly takesKey: (map: BpfMap) => boolean;
}

/** An address of the stack goes where it is not followed. */
class Escape extends Error {}

/**
 * The function with places of its stack as registers: those that are only read and written as a whole, by instructions that say where. V8 keeps what is in a local in
 * a register of the processor, and what is in memory never.
 */
export function promoteSlots(
  graph: Graph,
  flow: Flow,
  known: readonly (Values | undefined)[],
  demands: readonly Demand[],
  results: Results,
  around: Surroundings,
): Graph {
  let places: Places;
  try {
    places = placesOf(graph, flow, known, demands, results, around);
  } catch (error) {
    if (error instanceof Escape) return graph;
    throw error;
  }
  const registers = new Map<number, number>();
  for (const { off } of places.whole) registers.set(off, graph.registers + registers.size);
  if (registers.size === 0) return graph;
  const blocks = graph.blocks.map((block, i): Block => {
    const found = places.byBlock[i];
    if (found === undefined) return block;
    const ops: Op[] = [];
    for (const [n, op] of block.ops.entries()) {
      const place = found[n];
      const register = place && registers.get(place.off);
      if (register === undefined) ops.push(op);
      else addInRegister(ops, op, register);
    }
    return { ops, end: block.end };
  });
  return { ...graph, blocks, registers: graph.registers + registers.size };
}

interface Places {
  /** Those that can be registers. */
  readonly whole: readonly Range[];
  /** What the instructions of a block read or write as a whole; `undefined`: none does. */
  readonly byBlock: readonly ((Range | undefined)[] | undefined)[];
}

function placesOf(
  { blocks, registers }: Graph,
  { order }: Flow,
  known: readonly (Values | undefined)[],
  demands: readonly Demand[],
  results: Results,
  around: Surroundings,
): Places {
  const direct = new Map<number, Range>();
  const touched: Range[] = [];
  const byBlock: ((Range | undefined)[] | undefined)[] = new Array(blocks.length).fill(undefined);
  for (const i of order) {
    const block = blocks[i] as Block; // order is of blocks
    const before = known[i];
    if (before === undefined) continue;
    let wanted: Demand | undefined;
    const values = before.slice();
    for (let n = 0; n < block.ops.length; n++) {
      const op = block.ops[n] as Op; // n is below the length
      const place = placeOf(op, values, around);
      if (place !== undefined) {
        direct.set(16 * place.off + place.size, place);
        byBlock[i] ??= [];
        byBlock[i][n] = place;
      } else addReach(touched, op, values, around);
      const had = op.operation.kind === 'alu' && (isStack(values[op.dst]) || isStack(values[op.src]));
      transfer(op, values, around);
      // What an operation made of an address of the stack may lead anywhere there.
      if (!had || isStack(values[op.dst])) continue;
      wanted ??= demandsBehind(block, demands, results, registers);
      if (wanted[n] !== DEAD) throw new Escape();
    }
    eachWay(block, values, (to, after) => {
      for (let reg = 0; reg < after.length; reg++)
        if (isStack(after[reg]) && !isStack(known[to]?.[reg]) && demands[to]?.[reg] !== DEAD) throw new Escape();
    });
  }
  const all = [...direct.values()].sort((a, b) => a.off - b.off || a.size - b.size);
  const overlaps = (a: Range, b: Range) => a.off < b.off + b.size && b.off < a.off + a.size;
  const whole = all.filter(
    (place, i) =>
      !touched.some((other) => overlaps(place, other)) &&
      // Sorted by offset, so that only neighbours can overlap, but for long ones further before: at most 8 bytes.
      !all.slice(Math.max(0, i - 8), i + 9).some((other) => other !== place && overlaps(place, other)),
  );
  return { whole, byBlock };
}

function isStack(value: Value | undefined): boolean {
  return value?.kind === 'stack';
}

/** The place that an instruction reads or writes as a whole. */
function placeOf({ operation, dst, src, off, imm }: Op, values: Values, around: Surroundings): Range | undefined {
  if (operation.kind === 'load' || operation.kind === 'store') {
    const base = at(values, operation.kind === 'load' ? src : dst);
    if (base.kind !== 'stack' || (operation.kind === 'store' && operation.source === 'reg' && isStack(values[src])))
      return undefined;
    return { off: base.off + off, size: operation.size };
  }
  if (operation.kind !== 'call' || src !== 0 || imm !== BPF_FUNC_map_lookup_elem) return undefined;
  const [map, key] = [at(values, 1), at(values, 2)];
  const known = map.kind === 'const' ? around.mapAt(map.low) : undefined;
  if (key.kind !== 'stack' || known === undefined || !around.takesKey(known)) return undefined;
  return { off: key.off, size: known.attr.keySize };
}

export const BPF_FUNC_map_lookup_elem = 1;

/** Adds what else of the stack an instruction may read or write. Throws where that is not known. */
function addReach(ranges: Range[], { operation, dst, src, off, imm }: Op, values: Values, around: Surroundings): void {
  switch (operation.kind) {
    case 'store':
      if (operation.source === 'reg' && isStack(values[src])) throw new Escape();
      return;
    case 'atomic': {
      const base = [at(values, dst), at(values, src)].find(isStack);
      if (base?.kind === 'stack') ranges.push({ off: base.off + off, size: operation.size });
      return;
    }
    case 'call': {
      const helper = calledBy({ src, imm });
      for (let n = 1; n <= (helper?.args.length ?? 5); n++) {
        const value = at(values, n);
        if (value.kind === 'stack') ranges.push({ off: value.off, size: sizeOf(n) });
      }
      return;

      function sizeOf(n: number): number {
        const first = at(values, 1);
        const map = first.kind === 'const' ? around.mapAt(first.low) : undefined;
        switch (helper?.args[n - 1]) {
          case 'map_key':
            return map?.attr.keySize ?? fail();
          case 'map_value':
          case 'map_value_or_null':
            return map?.attr.valueSize ?? fail();
          case 'mem':
          case 'mem_or_null': {
            const size = at(values, n + 1);
            // A size that is not known is at most what its bits can say.
            if (size.kind === 'const') return size.low;
            return bitsOf(size) <= 9 && !isAddress(size) ? 1 << bitsOf(size) : fail();
          }
          case 'out_64':
            return 8;
          case 'inout_32':
            return 4;
          case 'dynptr':
            return 16;
          default:
            return fail();
        }
      }
    }
    default:
      return;
  }
}

function fail(): never {
  throw new Escape();
}

/** Adds the instructions that do in a register what one did in memory. */
function addInRegister(ops: Op[], op: Op, register: number): void {
  const { operation } = op;
  switch (operation.kind) {
    case 'load': {
      const bits = operation.signed || operation.size === 8 ? 64 : 32;
      const off = operation.signed ? 8 * operation.size : 0;
      ops.push(inPlaceOf(op, { kind: 'alu', op: 'mov', bits, source: 'reg' }, op.dst, { src: register, off }));
      return;
    }
    case 'store': {
      const bits = operation.size === 8 ? 64 : 32;
      const mask = 2 ** (8 * operation.size) - 1;
      if (operation.source === 'imm') {
        const imm = operation.size < 4 ? op.imm & mask : op.imm;
        ops.push(inPlaceOf(op, { kind: 'alu', op: 'mov', bits, source: 'imm' }, register, { imm }));
        return;
      }
      ops.push(inPlaceOf(op, { kind: 'alu', op: 'mov', bits, source: 'reg' }, register, { src: op.src }));
      if (operation.size < 4)
        ops.push(inPlaceOf(op, { kind: 'alu', op: 'and', bits: 32, source: 'imm' }, register, { imm: mask }));
      return;
    }
    default:
      ops.push({ ...op, key: register });
  }
}
