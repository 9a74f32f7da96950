import { BpfError, UsageError, VerifierError } from '../../errors.ts';
import {
  type Explanation,
  explainLogs,
  formatExplanation,
  violationByCode,
  violationPage,
} from '../../explain/index.ts';
import { load } from '../../loader/load.ts';
import { programTypeOf } from '../../object/section.ts';
import type { ObjectSpec, ProgramSpec } from '../../object/spec.ts';
import type { ProgType } from '../../uapi/bpf.ts';
import { type AnyCommand, type Context, command } from '../command.ts';
import { EXIT, exitCode } from '../exit.ts';
import type { Words } from '../words.ts';
import { readObject } from './object-words.ts';

/** What came of one program. */
type Outcome =
  | { readonly kind: 'loads'; readonly program: string; readonly verifiedInsns: number }
  | { readonly kind: 'refused'; readonly program: string; readonly explanation: Explanation }
  /** For another reason than that it is not safe. */
  | { readonly kind: 'failed'; readonly program: string; readonly error: BpfError };

type Result =
  | { readonly kind: 'page'; readonly text: string }
  | { readonly kind: 'log'; readonly explanations: readonly Explanation[] }
  | { readonly kind: 'object'; readonly file: string; readonly outcomes: readonly Outcome[] };

export const explain: AnyCommand = command<Result>({
  path: ['explain'],
  usage: '{FILE [PROG] [type TYPE] | --log FILE | CODE}',
  about: 'why the verifier refuses the programs of an object, or what a log of it says; nothing stays loaded',
  run(context, words) {
    if (words.exact('--log') !== undefined) return ofLog(context, words);
    const what = words.next('an object file, a code (SKEP-V001), or --log FILE');
    const violation = violationByCode(what);
    if (violation !== undefined) {
      words.end();
      return { kind: 'page', text: violationPage(violation) };
    }
    if (/^SKEP-V\d+$/i.test(what)) throw new UsageError(`there is no code ${what}; docs/verifier/README.md lists them`);
    return ofObject(context, what, words);
  },
  text: resultText,
  json: resultJson,
  status: resultStatus,
});

function ofLog(context: Context, words: Words): Result {
  const file = words.next('the file with the log');
  words.end();
  const explanations = explainLogs(new TextDecoder().decode(context.readFile(file)));
  return { kind: 'log', explanations };
}

function ofObject(context: Context, file: string, words: Words): Result {
  const { spec } = readObject(context, file);
  let name: string | undefined;
  let type: ProgType | undefined;
  while (!words.done) {
    if (words.exact('type') !== undefined) type = programTypeOf(words.next('the program type'));
    else if (name === undefined) name = words.next('the name of a program');
    else words.end();
  }
  return {
    kind: 'object',
    file,
    outcomes: programsNamed(spec, name).map((program) => tryToLoad(context, spec, program, type)),
  };
}

function programsNamed(spec: ObjectSpec, name: string | undefined): readonly ProgramSpec[] {
  if (spec.programs.length === 0) throw new UsageError(`${spec.file} has no programs`);
  if (name === undefined) return spec.programs;
  const found = spec.programs.filter((program) => program.name === name || program.section === name);
  if (found.length > 0) return found;
  throw new UsageError(
    `${spec.file} has no program ${name}; it has ${spec.programs.map((program) => program.name).join(', ')}`,
  );
}

/** Loads a program with maps of its own, and lets go of all of it. */
function tryToLoad({ kernel }: Context, spec: ObjectSpec, program: ProgramSpec, type: ProgType | undefined): Outcome {
  try {
    using loaded = load(kernel, spec, { programs: [program], type, pinRules: 'none' });
    return { kind: 'loads', program: program.name, verifiedInsns: loaded.program(program.name).info.verifiedInsns };
  } catch (error) {
    if (error instanceof VerifierError)
      return { kind: 'refused', program: program.name, explanation: error.explanation };
    if (error instanceof BpfError) return { kind: 'failed', program: program.name, error };
    throw error;
  }
}

function resultText(result: Result): string {
  switch (result.kind) {
    case 'page':
      return result.text;
    case 'log':
      if (result.explanations.length === 0) return 'nothing is refused in this log';
      return result.explanations.map((explanation) => formatExplanation(explanation)).join('\n\n');
    case 'object':
      return result.outcomes.map(outcomeText).join('\n');
  }
}

function outcomeText(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'loads':
      return `${outcome.program}: loads; the verifier followed ${outcome.verifiedInsns} instructions`;
    case 'refused':
      return `${outcome.program}: refused\n\n${formatExplanation({ ...outcome.explanation, program: undefined })}\n`;
    case 'failed':
      return `${outcome.program}: cannot be loaded: ${outcome.error.message}`;
  }
}

function resultJson(result: Result): unknown {
  if (result.kind === 'page') return { page: result.text };
  if (result.kind === 'log') return result.explanations;
  return result.outcomes.map(outcomeJson);
}

function outcomeJson(outcome: Outcome): object {
  const { program } = outcome;
  switch (outcome.kind) {
    case 'loads':
      return { program, loads: true, verified_insns: outcome.verifiedInsns };
    case 'refused':
      return { program, loads: false, explanation: outcome.explanation };
    case 'failed':
      return { program, loads: false, error: outcome.error.message, code: outcome.error.code };
  }
}

function resultStatus(result: Result): number {
  if (result.kind !== 'object') return EXIT.ok[0];
  if (result.outcomes.some(({ kind }) => kind === 'refused')) return EXIT.verifier[0];
  const [failed] = result.outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.error] : []));
  return failed === undefined ? EXIT.ok[0] : exitCode(failed);
}
