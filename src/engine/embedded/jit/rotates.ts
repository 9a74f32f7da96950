import type { Op } from './graph.ts';

/** A number that is turned round: as C has no operator for it, it is written as two shifts whose results are put together. V8 sees that of 32 bits, not of 64. */
export interface Rotate {
  /** To the left. */
  readonly by: number;
  /** The instruction of the block before which the number is in a register. */
  readonly at: number;
  readonly reg: number;
}

/** By the number of the instruction that puts the halves together. */
export function rotatesOf(ops: readonly Op[]): ReadonlyMap<number, Rotate> {
  const found = new Map<number, Rotate>();
  /** By register: the instruction that wrote it last. */
  const writers: number[] = [];
  const values: Origin[][] = [];
  for (const [i, op] of ops.entries()) {
    const rotate = rotateAt(op, ops, writers, values);
    if (rotate !== undefined) found.set(i, rotate);
    values[i] = [...(values[i - 1] ?? [])];
    for (const reg of written(op)) {
      const { operation } = op;
      const isCopy = operation.kind === 'alu' && operation.op === 'mov' && operation.source === 'reg';
      const copied = isCopy && operation.bits === 64 && op.off === 0 ? originOf(op.src, values[i - 1]) : undefined;
      writers[reg] = i;
      (values[i] as Origin[])[reg] = copied ?? { reg, writer: i };
    }
  }
  return found;
}

/** Whose value it is: what an instruction left in a register, or what was there at the start of the block (-1). */
interface Origin {
  readonly reg: number;
  readonly writer: number;
}

function originOf(reg: number, values: readonly Origin[] | undefined): Origin {
  return values?.[reg] ?? { reg, writer: -1 };
}

function rotateAt(
  { operation, dst, src }: Op,
  ops: readonly Op[],
  writers: readonly number[],
  values: readonly (readonly Origin[])[],
): Rotate | undefined {
  if (operation.kind !== 'alu' || operation.bits !== 64 || operation.source !== 'reg' || dst === src) return undefined;
  if (operation.op !== 'or' && operation.op !== 'xor' && operation.op !== 'add') return undefined;
  const [first, second] = [shiftAt(dst, ops, writers), shiftAt(src, ops, writers)];
  if (first === undefined || second === undefined) return undefined;
  const [left, right] = first.left ? [first, second] : [second, first];
  if (!left.left || right.left || left.by + right.by !== 64) return undefined;
  const [a, b] = [originOf(left.reg, values[left.at - 1]), originOf(right.reg, values[right.at - 1])];
  if (a.reg !== b.reg || a.writer !== b.writer) return undefined;
  const earlier = left.at < right.at ? left : right;
  return { by: left.by, at: earlier.at, reg: earlier.reg };
}

/** The shift by a constant that wrote a register last. */
function shiftAt(
  reg: number,
  ops: readonly Op[],
  writers: readonly number[],
): { readonly at: number; readonly reg: number; readonly left: boolean; readonly by: number } | undefined {
  const at = writers[reg];
  const op = at === undefined ? undefined : ops[at];
  if (at === undefined || op === undefined) return undefined;
  const { operation } = op;
  if (operation.kind !== 'alu' || operation.bits !== 64 || operation.source !== 'imm') return undefined;
  if (operation.op !== 'lsh' && operation.op !== 'rsh') return undefined;
  return { at, reg, left: operation.op === 'lsh', by: op.imm & 63 };
}

/** Registers that an instruction writes. */
function written({ operation, dst, src }: Op): readonly number[] {
  switch (operation.kind) {
    case 'alu':
    case 'neg':
    case 'end':
    case 'load':
    case 'ld_imm64':
      return [dst];
    case 'atomic':
      return [0, src, dst];
    case 'call':
    case 'ld_abs':
    case 'ld_ind':
      return [0, 1, 2, 3, 4, 5];
    default:
      return [];
  }
}
