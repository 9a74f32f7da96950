import { type ArgKind, type Helper, type HelperRow, helper } from '../helpers/helper.ts';

/** A function of the kernel that programs may call, by its type in the kernel's BTF. */
export interface Kfunc extends Helper {
  /** As C declares it, which makes its type in the kernel's own BTF. The names of arguments say what the verifier asks of them. */
  readonly prototype: string;
}

type KfuncRow<A extends readonly ArgKind[]> = Omit<HelperRow<A>, 'id' | 'name' | 'gplOnly'>;

/** Declares one; `call` is checked against `args`, which are those of the prototype. */
export function kfunc<const A extends readonly ArgKind[]>(prototype: string, row: KfuncRow<A>): Kfunc {
  const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
  return { ...helper({ id: -1, name, ...row }), prototype };
}
