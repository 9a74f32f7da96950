import { BpfError, SysError, VerifierError } from '../errors.ts';
import { formatExplanation } from '../explain/index.ts';
import { explain, type Reason } from '../loader/explain.ts';
import type { AnyCommand, Context } from './command.ts';
import { EXIT, exitCode } from './exit.ts';
import { findCommand } from './find.ts';
import { formatJson } from './json.ts';
import type { Options } from './options.ts';
import { Words } from './words.ts';

/** Where a command's output goes. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/** Finds a command, runs it, renders what it yields. Returns the exit code; never throws. */
export async function runCommand(
  commands: readonly AnyCommand[],
  options: Pick<Options, 'json' | 'pretty' | 'words'>,
  context: Context,
  output: Output,
): Promise<number> {
  try {
    const { row, rest } = findCommand(commands, options.words);
    const words = new Words(rest);
    const result = await row.run(context, words);
    words.end();
    if (isAsyncIterable(result)) {
      for await (const item of result) output.out(render(row, item, options));
    } else {
      output.out(render(row, result, options));
      if (row.missed?.(result)) return EXIT.failed[0];
      if (row.status !== undefined) return row.status(result);
    }
    return EXIT.ok[0];
  } catch (error) {
    reportError(error, { ...options, details: context.details }, output, reasons(context, error));
    return exitCode(error);
  }
}

/** What the kernel may have meant. It is not asked after errors that are none of its own: it may not even be there. */
function reasons(context: Context, error: unknown): readonly Reason[] {
  if (!(error instanceof SysError) && !(error instanceof BpfError && error.cause instanceof SysError)) return [];
  try {
    return explain(context.kernel, error);
  } catch (failure) {
    if (failure instanceof BpfError) return []; // the error itself is what counts
    throw failure;
  }
}

function render(row: AnyCommand, result: unknown, { json, pretty }: Pick<Options, 'json' | 'pretty'>): string {
  if (json) return `${formatJson(row.json === undefined ? result : row.json(result), pretty)}\n`;
  const text = printable(row.text(result));
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** Lines of a verifier's log that are shown unless all are asked for. */
const LOG_LINES = 40;

/**
 * One sentence; the end of the verifier's log before it, and the explanation, or what may be the reason, after it. Under JSON, an object on standard output, as
 * bpftool does.
 */
export function reportError(
  error: unknown,
  { json, pretty, details }: Pick<Options, 'json' | 'pretty' | 'details'>,
  output: Output,
  reasons: readonly Reason[] = [],
): void {
  const known = error instanceof BpfError;
  const message = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  const refused = error instanceof VerifierError ? error : undefined;
  if (refused !== undefined) output.err(`${printable(shownLog(refused.log, details))}\n`);
  if (json) {
    const why = { ...(refused && { explanation: refused.explanation }), ...(reasons.length > 0 && { reasons }) };
    output.out(`${formatJson({ error: message, code: known ? error.code : 'BUG', ...why }, pretty)}\n`);
    return;
  }
  output.err(`Error: ${printable(message)}\n`);
  if (refused !== undefined)
    output.err(`\n${printable(formatExplanation({ ...refused.explanation, program: undefined }, { code: false }))}\n`);
  for (const { why } of reasons) output.err(`  maybe: ${printable(why)}\n`);
  for (const fix of new Set(reasons.map((reason) => reason.fix))) {
    if (fix !== undefined) output.err(`  try:   ${printable(fix)}\n`);
  }
}

/** A log, or its end: what it is about stands there. */
function shownLog(log: string, whole: boolean): string {
  const lines = log.trimEnd().split('\n');
  const left = lines.length - LOG_LINES;
  if (whole || left <= 0) return lines.join('\n');
  return [`(${left} lines of the verifier's log before these: -d shows them)`, ...lines.slice(left)].join('\n');
}

/** Names come from files and kernels: what a terminal would obey is shown as `\\x1b`. */
function printable(text: string): string {
  return text.replace(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
