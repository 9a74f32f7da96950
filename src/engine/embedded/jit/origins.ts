import type { Op } from './graph.ts';

/** Which registers of a block have the same value, as the number of what left it there. Instructions are followed one after the other. */
export class Origins {
  /** `undefined`: it is there since the start. */
  readonly #origins: (number | undefined)[] = [];
  #count = 0;

  of(reg: number): number {
    return this.#origins[reg] ?? reg;
  }

  follow(op: Op): void {
    if (op.result < 0) return;
    const copied = isCopy(op) ? this.of(op.src) : undefined;
    this.#count++;
    if (losesArguments(op)) for (let reg = 1; reg <= 5; reg++) this.#wrote(reg);
    this.#wrote(op.result, copied);
  }

  #wrote(reg: number, copied?: number): void {
    this.#origins[reg] = copied ?? this.#count * MAX_REGISTERS + reg;
  }
}

/** More than a function has. */
const MAX_REGISTERS = 8192;

function isCopy({ operation, off }: Op): boolean {
  return (
    operation.kind === 'alu' &&
    operation.op === 'mov' &&
    operation.source === 'reg' &&
    operation.bits === 64 &&
    off === 0
  );
}

/** Whether an instruction leaves nothing in r1 to r5. */
export function losesArguments({ operation: { kind } }: Op): boolean {
  return kind === 'call' || kind === 'ld_abs' || kind === 'ld_ind';
}
