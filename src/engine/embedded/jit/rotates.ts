import type { Op } from './graph.ts';
import { losesArguments, Origins } from './origins.ts';

/** A number that is turned round: as C has no operator for it, it is written as two shifts whose results are put together. V8 sees that of 32 bits, not of 64. */
export interface Rotate {
  /** To the left. */
  readonly by: number;
  /** The instruction of the block before which the number is in a register. */
  readonly at: number;
  readonly reg: number;
}

const NONE: ReadonlyMap<number, Rotate> = new Map();

/** By the number of the instruction that puts the halves together. */
export function rotatesOf(ops: readonly Op[]): ReadonlyMap<number, Rotate> {
  return ops.some((op) => isShift(op, 'lsh')) && ops.some((op) => isShift(op, 'rsh')) ? new Search(ops).found : NONE;
}

class Search {
  readonly found = new Map<number, Rotate>();
  /** By register: the instruction that wrote it last. */
  readonly #writers: number[] = [];
  readonly #origins = new Origins();
  readonly #shifts = new Map<number, Shift>();

  constructor(ops: readonly Op[]) {
    for (const [i, op] of ops.entries()) this.#follow(op, i);
  }

  #follow(op: Op, i: number): void {
    const { dst, result } = op;
    const rotate = this.#rotateAt(op);
    if (rotate !== undefined) this.found.set(i, rotate);
    if (isShift(op, 'lsh') || isShift(op, 'rsh'))
      this.#shifts.set(i, {
        left: isShift(op, 'lsh'),
        by: op.imm & 63,
        at: i,
        reg: dst,
        origin: this.#origins.of(dst),
      });
    this.#origins.follow(op);
    if (result < 0) return;
    if (losesArguments(op)) for (let reg = 1; reg <= 5; reg++) this.#writers[reg] = i;
    this.#writers[result] = i;
  }

  #rotateAt({ operation, dst, src }: Op): Rotate | undefined {
    if (operation.kind !== 'alu' || operation.bits !== 64 || operation.source !== 'reg' || dst === src)
      return undefined;
    if (operation.op !== 'or' && operation.op !== 'xor' && operation.op !== 'add') return undefined;
    const first = this.#shifts.get(this.#writers[dst] ?? -1);
    const second = this.#shifts.get(this.#writers[src] ?? -1);
    if (first?.reg !== dst || second?.reg !== src || first.left === second.left) return undefined;
    if (first.by + second.by !== 64 || first.origin !== second.origin) return undefined;
    const earlier = first.at < second.at ? first : second;
    return { by: first.left ? first.by : second.by, at: earlier.at, reg: earlier.reg };
  }
}

/** A shift by a constant. */
interface Shift {
  readonly left: boolean;
  readonly by: number;
  readonly at: number;
  readonly reg: number;
  /** Of what it shifts. */
  readonly origin: number;
}

function isShift({ operation }: Op, name: 'lsh' | 'rsh'): boolean {
  return operation.kind === 'alu' && operation.op === name && operation.bits === 64 && operation.source === 'imm';
}
