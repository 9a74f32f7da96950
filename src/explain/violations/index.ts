import type { Violation } from '../violation.ts';
import { argumentViolations } from './arguments.ts';
import { contextViolations } from './context.ts';
import { flowViolations } from './flow.ts';
import { kfuncViolations } from './kfuncs.ts';
import { memoryViolations } from './memory.ts';
import { pointerViolations } from './pointers.ts';
import { programViolations } from './programs.ts';
import { resourceViolations } from './resources.ts';
import { stackViolations } from './stack.ts';

/** All kinds of violations, by code. */
export const VIOLATIONS: readonly Violation[] = [
  ...memoryViolations,
  ...stackViolations,
  ...pointerViolations,
  ...contextViolations,
  ...argumentViolations,
  ...flowViolations,
  ...resourceViolations,
  ...kfuncViolations,
  ...programViolations,
];
