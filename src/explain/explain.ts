import type { RefusedLog } from '../errors.ts';
import { derivedParts } from './derive.ts';
import type { Clue, Explanation, Place } from './explanation.ts';
import { parseLogs, type SourceLine, type VerifierLog } from './log.ts';
import { pageOf } from './page.ts';
import { Path } from './path.ts';
import { traceBack } from './trace.ts';
import { fillIn } from './violation.ts';
import { type Found, findViolation } from './violations/find.ts';

/** What is known of a program besides its log. */
export interface ProgramLines {
  readonly name?: string | undefined;
  /** Where in C an instruction is: nearest record of the object's line info. */
  lineAt?(insn: number): SourceLine | undefined;
}

const EMPTY: VerifierLog = {
  program: undefined,
  steps: [],
  remarks: ['the kernel gave no reason'],
  diagnosis: undefined,
  processed: undefined,
  isCut: false,
};

/** Explains the refusals of a text that holds the logs of one or several programs. Those of programs that were accepted give nothing. Never throws. */
export function explainLogs(text: string, program: ProgramLines = {}): readonly Explanation[] {
  return parseLogs(text).flatMap((log) => {
    const found = findViolation(log);
    return found === undefined ? [] : [explainFound(found, log, program)];
  });
}

/** Explains the log of one program that was refused. */
export function explainLog(text: string, program: ProgramLines = {}): Explanation {
  return readRefusal(text, program).explain();
}

/** Reads the log of one program that was refused: what it says at once, what that means when it is asked for. */
export function readRefusal(text: string, program: ProgramLines = {}): RefusedLog {
  const log = parseLogs(text).at(-1) ?? EMPTY;
  const found = findViolation(log) ?? {
    words: 'the log says that the program is safe',
    violation: undefined,
    parts: {},
  };
  return {
    log: text,
    words: found.words,
    code: found.violation?.code,
    explain: () => explainFound(found, log, program),
  };
}

function explainFound(found: Found, log: VerifierLog, program: ProgramLines): Explanation {
  const path = new Path(log);
  const placeOf = (insn: number, text: string | undefined, shown: SourceLine | undefined): Place => {
    const line = program.lineAt?.(insn) ?? shown;
    return { insn, text, file: line?.file, line: line?.line, source: line?.text.trim() };
  };
  const place = (at: number): Place | undefined => {
    const step = path.steps[at];
    return step && placeOf(step.insn, step.text, step.source);
  };
  const { violation, words } = found;
  const parts = derivedParts({ ...found.parts, words }, path);
  const back = violation?.trace === undefined ? undefined : traceBack(violation.trace, path, found.parts);
  const lost = (back?.clues ?? []).flatMap(({ at, says }): Clue[] => {
    const where = place(at);
    return where === undefined ? [] : [{ ...where, says }];
  });
  return {
    program: program.name ?? log.program,
    code: violation?.code,
    title: violation?.title ?? 'a refusal that skep has no explanation for',
    words,
    what: (violation && fillIn(violation.what, parts)) ?? `the kernel says: ${words}`,
    where:
      place(path.end) ?? (parts.insn === undefined ? undefined : placeOf(Number(parts.insn), undefined, undefined)),
    lost,
    missing: back?.missing,
    fix: violation && { text: violation.fix, before: violation.example?.before, after: violation.example?.after },
    page: violation && pageOf(violation.code),
  };
}
