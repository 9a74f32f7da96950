import { calls, tailCalls } from './calls.ts';
import { helpers } from './helpers.ts';
import { branches, loops } from './loops.ts';
import { memory, packets } from './pointers.ts';
import type { Scenario } from './scenario.ts';

/** What programs are made of, beyond single instructions. */
export const scenarios: readonly Scenario[] = [
  ...loops,
  ...branches,
  ...calls,
  ...tailCalls,
  ...memory,
  ...packets,
  ...helpers,
];
