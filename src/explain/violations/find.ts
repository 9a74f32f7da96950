import type { VerifierLog } from '../log.ts';
import { compileWords, type Violation } from '../violation.ts';
import { VIOLATIONS } from './index.ts';

/** The reason for a refusal. */
export interface Found {
  /** The kernel's words, one line. */
  readonly words: string;
  /** `undefined`: no row knows them. */
  readonly violation: Violation | undefined;
  /** The parts of the words by name, with those of the remarks before them. */
  readonly parts: Readonly<Record<string, string>>;
}

interface Pattern {
  readonly violation: Violation;
  readonly pattern: RegExp;
}

/** Made when it is first needed. */
let patterns: readonly Pattern[] | undefined;

function allPatterns(): readonly Pattern[] {
  patterns ??= VIOLATIONS.flatMap((violation) =>
    violation.says.map((words) => ({ violation, pattern: compileWords(words) })),
  );
  return patterns;
}

/** The rows that a sentence of the kernel fits: one, or none. */
export function violationsOf(sentence: string): readonly Violation[] {
  return [...new Set(allPatterns().flatMap(({ violation, pattern }) => (pattern.test(sentence) ? [violation] : [])))];
}

export function violationByCode(code: string): Violation | undefined {
  return VIOLATIONS.find((violation) => violation.code === code.toUpperCase());
}

/** Why a program was refused; `undefined`: the log does not say that it was. */
export function findViolation({ remarks, diagnosis, processed }: VerifierLog): Found | undefined {
  let last: Found | undefined;
  for (let i = remarks.length - 1; i >= 0; i--) {
    const words = remarks[i] ?? '';
    for (const { violation, pattern } of allPatterns()) {
      if (last !== undefined && (violation.decisive !== true || violation === last.violation)) continue;
      const found = pattern.exec(words);
      if (found === null) continue;
      const parts = { remark: remarks[i - 1] ?? words, ...earlierParts(violation, remarks), ...found.groups };
      last = { words, violation, parts };
    }
  }
  if (last !== undefined) return last;
  const words = remarks.at(-1) ?? diagnosis;
  if (words !== undefined) return { words, violation: undefined, parts: {} };
  return processed === undefined
    ? { words: 'the log ends before the reason', violation: undefined, parts: {} }
    : undefined;
}

function earlierParts({ before = [] }: Violation, remarks: readonly string[]): Readonly<Record<string, string>> {
  for (const words of before) {
    const pattern = compileWords(words);
    for (const remark of remarks) {
      const found = pattern.exec(remark);
      if (found !== null) return { ...found.groups };
    }
  }
  return {};
}
