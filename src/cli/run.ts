import { BpfError, VerifierError } from '../errors.ts';
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
    }
    return EXIT.ok[0];
  } catch (error) {
    reportError(error, options, output);
    return exitCode(error);
  }
}

function render(row: AnyCommand, result: unknown, { json, pretty }: Pick<Options, 'json' | 'pretty'>): string {
  if (json) return `${formatJson(row.json === undefined ? result : row.json(result), pretty)}\n`;
  const text = printable(row.text(result));
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** One sentence; the verifier's log before it. Under JSON, an object on standard output, as bpftool does. */
export function reportError(error: unknown, { json, pretty }: Pick<Options, 'json' | 'pretty'>, output: Output): void {
  const known = error instanceof BpfError;
  const message = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  if (error instanceof VerifierError && error.log !== '') output.err(`${printable(error.log.trimEnd())}\n`);
  if (json) output.out(`${formatJson({ error: message, code: known ? error.code : 'BUG' }, pretty)}\n`);
  else output.err(`Error: ${printable(message)}\n`);
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
