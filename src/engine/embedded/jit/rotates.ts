import type { Op } from './graph.ts';

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
  /** By register: whose value it has, as a number that says which instruction left it where. `undefined`: it is there since the start. */
  readonly #origins: (number | undefined)[] = [];
  readonly #shifts = new Map<number, Shift>();

  constructor(ops: readonly Op[]) {
    for (const [i, op] of ops.entries()) this.#follow(op, i);
  }

  #follow(op: Op, i: number): void {
    const { operation, dst, src, result } = op;
    const rotate = this.#rotateAt(op);
    if (rotate !== undefined) this.found.set(i, rotate);
    if (isShift(op, 'lsh') || isShift(op, 'rsh'))
      this.#shifts.set(i, { left: isShift(op, 'lsh'), by: op.imm & 63, at: i, reg: dst, origin: this.#originOf(dst) });
    if (result < 0) return;
    const isCopy = operation.kind === 'alu' && operation.op === 'mov' && operation.source === 'reg';
    const copied = isCopy && operation.bits === 64 && op.off === 0 ? this.#originOf(src) : undefined;
    if (operation.kind === 'call' || operation.kind === 'ld_abs' || operation.kind === 'ld_ind')
      for (let reg = 1; reg <= 5; reg++) this.#wrote(reg, i);
    this.#wrote(result, i, copied);
  }

  #wrote(reg: number, i: number, copied?: number): void {
    this.#writers[reg] = i;
    this.#origins[reg] = copied ?? (i + 1) * MAX_REGISTERS + reg;
  }

  #originOf(reg: number): number {
    return this.#origins[reg] ?? reg;
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

/** More than a function has. */
const MAX_REGISTERS = 8192;

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
