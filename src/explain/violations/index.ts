import type { Violation } from '../violation.ts';
import { memoryViolations } from './memory.ts';

/** All kinds of violations, by code. */
export const VIOLATIONS: readonly Violation[] = [...memoryViolations];
