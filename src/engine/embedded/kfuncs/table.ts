import * as dynptr from './dynptr.ts';
import * as iterators from './iterators.ts';
import type { Kfunc } from './kfunc.ts';
import * as regions from './regions.ts';
import * as string from './string.ts';

/** Every function of the embedded kernel that programs may call. To add one is to add its row to a family's file. */
export const KFUNC_TABLE: readonly Kfunc[] = [dynptr, iterators, regions, string].flatMap((family) =>
  Object.values(family).filter((value): value is Kfunc => typeof value === 'object'),
);

/** Their places in the table. */
export const KFUNC_INDEX: ReadonlyMap<string, number> = new Map(KFUNC_TABLE.map(({ name }, index) => [name, index]));
