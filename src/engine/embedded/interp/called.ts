import { BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL } from '../../../isa/index.ts';
import type { Helper } from '../helpers/helper.ts';
import { HELPER_BY_ID } from '../helpers/table.ts';
import { KFUNC_TABLE } from '../kfuncs/table.ts';
import { FIRST_KFUNC } from './code.ts';

let all: readonly (Helper | undefined)[] | undefined;

/** What a call instruction calls: helpers by id, and functions of the kernel. Their rows know the interpreter too, so they are put together when the first program runs. */
export function callees(): readonly (Helper | undefined)[] {
  all ??= Array.from({ length: FIRST_KFUNC + KFUNC_TABLE.length }, (_, i) =>
    i < FIRST_KFUNC ? HELPER_BY_ID[i] : KFUNC_TABLE[i - FIRST_KFUNC],
  );
  return all;
}

/** The number among {@link callees} of what an instruction of a runnable program calls; `undefined`: a function of the program. */
export function calledNumber({ src, imm }: { readonly src: number; readonly imm: number }): number | undefined {
  if (src === BPF_PSEUDO_CALL) return undefined;
  return src === BPF_PSEUDO_KFUNC_CALL ? FIRST_KFUNC + imm : imm;
}

/** Likewise, what it calls; `undefined`, too, for what there is not. */
export function calledBy(call: { readonly src: number; readonly imm: number }): Helper | undefined {
  const number = calledNumber(call);
  return number === undefined ? undefined : callees()[number];
}
