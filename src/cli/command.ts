import type { Kernel } from '../sys/kernel.ts';
import type { PacketLab, TestRunLab } from '../sys/lab.ts';
import type { WatchedKernel } from '../sys/watch.ts';
import type { Words } from './words.ts';

/** What a command works with; made by `main.ts`, the only place that knows which kernel it is. */
export interface Context {
  /** Connects on first use, so that commands that need no kernel start none. */
  readonly kernel: Kernel;
  readonly lab: PacketLab & Partial<TestRunLab>;
  /** What tells of what happens in the kernel; of a kernel that tells nobody, nothing. */
  readonly watched?: WatchedKernel | undefined;
  readonly details: boolean;
  /** --stats: counters and ages beside what is listed. */
  readonly stats: boolean;
  /** What --kernel or SKEP_KERNEL says: `embedded`, `linux`, `inprocess`, or the path of a socket. */
  readonly kernelName: string;
  /** --base-btf: the file with the BTF that split BTF goes on from. */
  readonly baseBtf?: string | undefined;
  /** The environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether fds of the kernel are fds of this process, which programs that it starts can inherit. */
  readonly inheritable: boolean;
  /** Aborted by SIGINT and SIGTERM, which end a command at once unless it has asked for this. */
  readonly signal: AbortSignal;
  /** Reads a file of the user; `-` is standard input. Throws UsageError with the path and the reason. */
  readFile(path: string): Uint8Array;
  /** The text of a file that need not be there. */
  readOptionalText(path: string): string | undefined;
  /** For notes and warnings: a line on standard error. */
  note(line: string): void;
}

/**
 * One command: a row of the table in `commands/index.ts`. It yields a result and never prints; `text` is that result for people, `json` for
 * programs (default: the result as it is, `null` for none). Of an AsyncIterable each item is a result, printed as it comes.
 */
export interface Command<T> {
  /** The words that select it. */
  readonly path: readonly [string, ...string[]];
  /** What follows the path, in the notation of the originals: `[MAP]`, `OBJ PATH [type TYPE]`. */
  readonly usage: string;
  /** One line for the help. */
  readonly about: string;
  run(context: Context, words: Words): T | Promise<T>;
  text(result: T): string;
  json?(result: T): unknown;
  /** The exit code, of a command that ran another program. */
  status?(result: T): number;
  /** Whether the result is that what was asked for is not there, which the exit code then says. */
  missed?(result: T): boolean;
}

/** The table holds commands of all result types; each is only ever used with its own result. */
export type AnyCommand = Command<unknown>;

/** Checks a row against its own result type and forgets it. */
export function command<T>(row: Command<T>): AnyCommand {
  return row as AnyCommand; // a command's text and json are only given what its own run returned
}

/** A command that yields one result after the other, each of which is printed as it comes. */
export function stream<T>(
  row: Omit<Command<AsyncIterable<T>>, 'text' | 'json'> & { text(item: T): string; json?(item: T): unknown },
): AnyCommand {
  return row as AnyCommand; // as above, with the items of what run returned
}
