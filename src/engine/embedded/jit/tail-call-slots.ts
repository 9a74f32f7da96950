import { BPF_FUNC_tail_call } from '../interp/code.ts';
import type { Analysis } from './analysis.ts';
import type { ProgramToCompile, TailCallSlot } from './compile.ts';
import { constantsOf } from './constants.ts';
import type { Op } from './graph.ts';
import { transfer, type Values } from './transfer.ts';

/** The slots that the tail calls of a function lead to, where map and index are known. */
export function tailCallSlots({ graph, known }: Analysis, program: ProgramToCompile): readonly TailCallSlot[] {
  const { type, mapAt, maps } = program;
  const around = { type, constantAt: constantsOf(maps) };
  const slots: TailCallSlot[] = [];
  for (const [i, { ops }] of graph.blocks.entries()) {
    const values = known[i]?.slice();
    if (values === undefined || !ops.some(isTailCall)) continue;
    for (const op of ops) {
      const slot = isTailCall(op) ? slotOf(values, mapAt) : undefined;
      if (slot !== undefined) slots.push(slot);
      transfer(op, values, around);
    }
  }
  return slots;
}

/** Where a tail call leads to with these values. */
export function slotOf(values: Values, mapAt: ProgramToCompile['mapAt']): TailCallSlot | undefined {
  const [second, third] = [values[2], values[3]];
  const map = second?.kind === 'const' ? mapAt(second.low) : undefined;
  return map !== undefined && third?.kind === 'const' ? { map, index: third.low >>> 0 } : undefined;
}

function isTailCall({ operation, src, imm }: Op): boolean {
  return operation.kind === 'call' && src === 0 && imm === BPF_FUNC_tail_call;
}
