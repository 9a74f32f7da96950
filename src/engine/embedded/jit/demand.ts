import { atomicOf } from '../../../isa/index.ts';
import type { ArgKind, Helper } from '../helpers/helper.ts';
import { calledBy } from '../interp/called.ts';
import type { Flow } from './flow.ts';
import type { Block, Graph, Op } from './graph.ts';

// How much of a register is read from some point on.
export const DEAD = 0;
export const LOW = 1;
export const BOTH = 2;

/** By register. */
export type Demand = Uint8Array<ArrayBuffer>;

/** What a function gives back: all of r0, or its low word. */
export interface Results {
  readonly r0: typeof LOW | typeof BOTH;
}

/** What is demanded where each block begins. `count`: registers. */
export function demandsOf({ blocks }: Graph, { order, predecessors }: Flow, results: Results, count: number): Demand[] {
  const demands: Demand[] = blocks.map(() => new Uint8Array(count));
  const dirty = new Uint8Array(blocks.length).fill(1);
  const now = new Uint8Array(count);
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = order.length - 1; i >= 0; i--) {
      const number = order[i] as number; // i is below the length
      if (dirty[number] === 0) continue;
      dirty[number] = 0;
      const block = blocks[number] as Block;
      demandAtEnd(block, demands, results, now);
      for (let n = block.ops.length - 1; n >= 0; n--) demandBefore(block.ops[n] as Op, now);
      const before = demands[number] as Demand; // each block has one
      let same = true;
      for (let reg = 0; reg < count && same; reg++) same = now[reg] === before[reg];
      if (same) continue;
      before.set(now);
      changed = true;
      for (const from of predecessors[number] ?? []) dirty[from] = 1;
    }
  }
  return demands;
}

/** Sets `now` to what is demanded behind the last instruction of a block. */
function demandAtEnd({ end }: Block, demands: readonly Demand[], { r0 }: Results, now: Demand): void {
  now.fill(DEAD);
  if (end.kind === 'exit') now[0] = r0;
  else if (end.kind === 'goto')
    now.set(demands[end.to] as Demand); // each block has one
  else if (end.kind === 'switch') {
    for (const { to } of end.ways) {
      const wanted = demands[to] as Demand;
      for (let reg = 0; reg < now.length; reg++) raise(now, reg, wanted[reg] ?? DEAD);
    }
    raise(now, end.reg, LOW);
  } else {
    now.set(demands[end.next] as Demand);
    const taken = demands[end.taken] as Demand;
    for (let reg = 0; reg < now.length; reg++) raise(now, reg, taken[reg] ?? DEAD);
    demandOfJump(end.op, now);
  }
}

/** What is demanded of the result of each instruction of a block. */
export function demandsBehind(
  { ops, end }: Block,
  demands: readonly Demand[],
  results: Results,
  count: number,
): Demand {
  const now = new Uint8Array(count);
  demandAtEnd({ ops, end }, demands, results, now);
  const behind = new Uint8Array(ops.length);
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i] as Op; // i is below the length
    behind[i] = now[op.result] ?? DEAD;
    demandBefore(op, now);
  }
  return behind;
}

function demandOfJump({ operation, dst, src, imm }: Op, now: Demand): void {
  if (operation.kind !== 'jump') return;
  // Bits that a mask of 31 bits asks for are in the low word.
  const low = operation.bits === 32 || (operation.op === 'jset' && operation.source === 'imm' && imm >= 0);
  raise(now, dst, low ? LOW : BOTH);
  if (operation.source === 'reg') raise(now, src, low ? LOW : BOTH);
}

function raise(now: Demand, reg: number, wanted: number): void {
  if ((now[reg] ?? 0) < wanted) now[reg] = wanted;
}

/** What is demanded before an instruction, given what is behind it. */
function demandBefore(op: Op, now: Demand): void {
  const { operation, dst, src } = op;
  switch (operation.kind) {
    case 'alu': {
      const wanted = now[dst] ?? DEAD;
      if (operation.op === 'mov') {
        now[dst] = DEAD;
        if (wanted === DEAD || operation.source === 'imm') return;
        raise(now, src, operation.bits === 32 || op.off !== 0 ? LOW : wanted);
        return;
      }
      const [left, right] = operands(op, wanted);
      now[dst] = left;
      if (operation.source === 'reg') raise(now, src, right);
      return;
    }
    case 'neg':
      if (operation.bits === 32 && now[dst] === BOTH) now[dst] = LOW;
      return;
    case 'end':
      if (now[dst] !== DEAD && op.imm < 64) now[dst] = LOW;
      else if (now[dst] !== DEAD && operation.to !== 'le') now[dst] = BOTH;
      return;
    case 'load':
      now[dst] = DEAD;
      raise(now, src, op.probed ? BOTH : LOW);
      return;
    case 'store':
      raise(now, dst, LOW);
      if (operation.source === 'reg') raise(now, src, operation.size === 8 ? BOTH : LOW);
      return;
    case 'atomic':
      demandOfAtomic(op, now);
      return;
    case 'ld_imm64':
      now[dst] = DEAD;
      return;
    case 'ld_abs':
    case 'ld_ind':
      now.fill(DEAD, 0, 6);
      if (operation.kind === 'ld_ind') raise(now, src, LOW);
      return;
    case 'call': {
      now.fill(DEAD, 0, 6);
      const wanted = argumentsOf(op);
      for (let i = 0; i < wanted.length; i++) raise(now, i + 1, wanted[i] ?? DEAD);
      if (op.key !== undefined) raise(now, op.key, LOW);
      return;
    }
    case 'jump':
    case 'goto':
    case 'may_goto':
    case 'exit':
      return;
  }
}

/** What an operation wants of its left and its right operand, if so much of its result is wanted. */
function operands({ operation, imm }: Op, wanted: number): readonly [left: number, right: number] {
  if (wanted === DEAD) return [DEAD, DEAD];
  if (operation.kind !== 'alu') return [BOTH, BOTH];
  if (operation.bits === 32) return [LOW, LOW];
  switch (operation.op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'and':
    case 'or':
    case 'xor':
      return [wanted, wanted];
    case 'lsh':
      return [operation.source === 'imm' && (imm & 63) >= 32 ? LOW : wanted, LOW];
    case 'rsh':
    case 'arsh':
      return [operation.source === 'imm' && (imm & 63) === 0 ? wanted : BOTH, LOW];
    default:
      return [BOTH, BOTH];
  }
}

function demandOfAtomic({ operation, dst, src, imm, inArena, result }: Op, now: Demand): void {
  if (operation.kind !== 'atomic') return;
  const atomic = atomicOf(imm);
  // What may not be there leaves so many bits of its result as they are.
  const kept = inArena && now[result] !== DEAD ? (operation.size === 8 ? (now[result] ?? DEAD) : LOW) : DEAD;
  if (atomic?.op === 'load') {
    now[dst] = kept;
    raise(now, src, LOW);
    return;
  }
  const whole = operation.size === 8 ? BOTH : LOW;
  if (atomic?.fetch && atomic.op !== 'cmpxchg') now[src] = DEAD;
  if (atomic?.op === 'cmpxchg') now[0] = whole;
  if (result >= 0) raise(now, result, kept);
  raise(now, src, whole);
  raise(now, dst, LOW);
}

/** Arguments that are addresses: their high words are 0. */
// biome-ignore format: a list
const ADDRESSES: ReadonlySet<ArgKind> = new Set<ArgKind>([
  'const_map_ptr', 'map_key', 'map_value', 'map_value_or_null', 'skb', 'xdp', 'ctx', 'ctx_or_null', 'mem', 'mem_or_null', 'const_str', 'out_64', 'inout_32', 'sock',
  'sock_or_null', 'seq', 'func', 'dynptr', 'spin_lock', 'timer', 'kptr',
]);

const ALL_ARGUMENTS = [BOTH, BOTH, BOTH, BOTH, BOTH];
const known = new WeakMap<Helper, readonly number[]>();

/** What a call wants of r1 and so on. Of functions of the program it is not known how many they have: what was never written reads as 0. */
export function argumentsOf(op: Op): readonly number[] {
  const helper = calledBy(op);
  if (helper === undefined) return ALL_ARGUMENTS;
  let wanted = known.get(helper);
  if (wanted === undefined) {
    wanted = helper.args.map((kind) => (ADDRESSES.has(kind) ? LOW : BOTH));
    known.set(helper, wanted);
  }
  return wanted;
}
