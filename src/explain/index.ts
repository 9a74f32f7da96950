export { violationPage } from './document.ts';
export { explainLog, explainLogs, type ProgramLines, readRefusal } from './explain.ts';
export type { Clue, Explanation, Fix, Place } from './explanation.ts';
export { parseLogs, type SourceLine, type VerifierLog } from './log.ts';
export { formatExplanation } from './text.ts';
export type { Violation } from './violation.ts';
export { violationByCode } from './violations/find.ts';
