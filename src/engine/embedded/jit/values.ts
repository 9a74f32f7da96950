import { STACK_SIZE } from '../interp/run.ts';
import type { Flow } from './flow.ts';
import { type Block, frameRegister, type Graph, type Way } from './graph.ts';
import { type Known, refined, transfer, type Values } from './transfer.ts';
import { bitsOf, constant, isNarrow, joinValues, number, sameValue, type Value } from './value.ts';

/** How often what comes to a block may become less known by a bit, before it is taken to be a whole word. */
const PATIENCE = 3;

/** What is known where each block begins; `undefined` for those that nothing leads to. */
export function valuesOf(
  { blocks, frames }: Graph,
  { order, place }: Flow,
  entry: Values,
  around: Known,
): (Values | undefined)[] {
  const first: Values = [...entry];
  for (let depth = 0; depth < frames; depth++)
    first[frameRegister(depth)] = { kind: 'stack', off: -STACK_SIZE * depth };
  const known: (Values | undefined)[] = new Array(blocks.length).fill(undefined);
  const changes = new Uint8Array(blocks.length);
  known[0] = first;
  const dirty = new Uint8Array(order.length);
  dirty[0] = 1;
  // Always the first in order that changed.
  for (let i = 0; i < order.length; ) {
    if (dirty[i] === 0) {
      i++;
      continue;
    }
    dirty[i] = 0;
    const block = order[i] as number; // i is below the length
    let next = i + 1;
    eachOutcome(blocks[block] as Block, known[block] ?? [], around, (to, values) => {
      const before = known[to];
      const after = before === undefined ? values.slice() : join(before, values, (changes[to] ?? 0) > PATIENCE);
      if (after === before) return;
      changes[to] = Math.min((changes[to] ?? 0) + 1, PATIENCE + 1);
      known[to] = after;
      const at = place[to] ?? 0;
      dirty[at] = 1;
      next = Math.min(next, at);
    });
    i = next;
  }
  return known;
}

/** Tells what is known at the start of each block that a block leads to; it is known only meanwhile. */
function eachOutcome(block: Block, before: Values, around: Known, tell: (to: number, values: Values) => void): void {
  const values = before.slice();
  for (const op of block.ops) transfer(op, values, around);
  eachWay(block, values, tell);
}

/** Likewise, given what is known at its end. */
export function eachWay({ end }: Block, values: Values, tell: (to: number, values: Values) => void): void {
  if (end.kind === 'goto') tell(end.to, values);
  if (end.kind === 'switch') {
    const left = values[end.reg];
    for (const way of end.ways) {
      values[end.reg] = chosen(left, way);
      tell(way.to, values);
    }
    values[end.reg] = left;
  }
  if (end.kind !== 'branch') return;
  const { op, next, taken } = end;
  const left = values[op.dst];
  values[op.dst] = refined(op, false, values);
  tell(next, values);
  values[op.dst] = left;
  values[op.dst] = refined(op, true, values);
  tell(taken, values);
  values[op.dst] = left;
}

/** What is known of the register that a switch looks at where it went a way. */
function chosen(value: Value | undefined, { least, most }: Way): Value | undefined {
  if (value?.kind !== 'number' || !isNarrow(value)) return value;
  if (least === most) return constant(least, 0);
  return number(Math.min(bitsOf(value), 32 - Math.clz32(most)));
}

/** `before` itself if nothing changes. */
function join(before: Values, more: Values, hurry: boolean): Values {
  let result = before;
  for (let reg = 0; reg < before.length; reg++) {
    const a = before[reg];
    if (a === undefined) continue;
    const b = more[reg];
    const joined = b === undefined ? undefined : hurried(a, joinValues(a, b), hurry);
    if (joined !== undefined && sameValue(a, joined)) continue;
    if (result === before) result = before.slice();
    result[reg] = joined;
  }
  return result;
}

function hurried(before: Value, after: Value, hurry: boolean): Value {
  if (!hurry || after.kind !== 'number' || sameValue(before, after)) return after;
  return number(after.bits <= 32 ? 32 : 64);
}
