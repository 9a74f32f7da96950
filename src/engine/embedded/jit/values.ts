import type { ProgType } from '../../../uapi/bpf.ts';
import { STACK_SIZE } from '../interp/run.ts';
import { type Flow, successorsOf } from './flow.ts';
import { type Block, frameRegister, type Graph } from './graph.ts';
import { refine, transfer, type Values } from './transfer.ts';
import { joinValues, number, sameValue, type Value } from './value.ts';

/** How often what comes to a block may become less known by a bit, before it is taken to be a whole word. */
const PATIENCE = 3;

/** What is known where each block begins; `undefined` for those that nothing leads to. */
export function valuesOf(
  { blocks, frames }: Graph,
  { order, place }: Flow,
  entry: Values,
  type: ProgType,
): (Values | undefined)[] {
  const first = [...entry];
  for (let depth = 0; depth < frames; depth++)
    first[frameRegister(depth)] = { kind: 'stack', off: -STACK_SIZE * depth };
  const known: (Values | undefined)[] = blocks.map(() => undefined);
  const changes: number[] = blocks.map(() => 0);
  known[0] = first;
  const dirty = order.map((_, i) => i === 0);
  // Always the first in order that changed.
  for (let i = 0; i < order.length; ) {
    if (!dirty[i]) {
      i++;
      continue;
    }
    dirty[i] = false;
    const block = order[i] as number; // i is below the length
    let next = i + 1;
    for (const { to, values } of outcomes(blocks[block] as Block, known[block] ?? [], type)) {
      const before = known[to];
      const after = before === undefined ? values : join(before, values, (changes[to] ?? 0) > PATIENCE);
      if (after === before) continue;
      changes[to] = (changes[to] ?? 0) + 1;
      known[to] = after;
      const at = place[to] ?? 0;
      dirty[at] = true;
      next = Math.min(next, at);
    }
    i = next;
  }
  return known;
}

/** What is known at the start of each block that a block leads to. */
export function* outcomes(
  block: Block,
  before: Values,
  type: ProgType,
): Generator<{ readonly to: number; readonly values: Values }> {
  const values = [...before];
  for (const op of block.ops) transfer(op, values, type);
  const { end } = block;
  if (end.kind !== 'branch') {
    for (const to of successorsOf(block)) yield { to, values };
    return;
  }
  for (const [to, taken] of [
    [end.next, false],
    [end.taken, true],
  ] as const) {
    const refined = [...values];
    refine(end.op, taken, refined);
    yield { to, values: refined };
  }
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
    if (result === before) result = [...before];
    result[reg] = joined;
  }
  return result;
}

function hurried(before: Value, after: Value, hurry: boolean): Value {
  if (!hurry || after.kind !== 'number' || sameValue(before, after)) return after;
  return number(after.bits <= 32 ? 32 : 64);
}
