import { BpfError, IncompatibleMapError, ObjectError, SysError, UsageError, VerifierError } from '../errors.ts';

/** The exit codes of the `skep` command. Documented in docs/cli.md; a test compares the two. */
// biome-ignore format: aligned table
export const EXIT = {
  ok:           [0,  'done'],
  failed:       [1,  'the kernel said no, or what was asked for is not there'],
  usage:        [2,  'the command line makes no sense, or a file cannot be read'],
  object:       [3,  'a file is not a valid object, or lacks what was asked for'],
  verifier:     [4,  'the kernel refused a program; its log is on standard error'],
  incompatible: [5,  'an existing map is not what the object asks for'],
  unsupported:  [6,  'this kernel, or skep, does not have what was asked for'],
  connection:   [7,  'the background kernel cannot be reached'],
  bug:          [70, 'an error of skep itself: please report it'],
} as const satisfies Record<string, readonly [number, string]>;

/** Errnos by which a kernel says that it lacks something, not that something is wrong. */
const LACKING: ReadonlySet<string> = new Set(['ENOTSUPP', 'EOPNOTSUPP']);

export function exitCode(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage[0];
  if (error instanceof ObjectError) return EXIT.object[0];
  if (error instanceof VerifierError) return EXIT.verifier[0];
  if (error instanceof IncompatibleMapError) return EXIT.incompatible[0];
  if (error instanceof SysError) return LACKING.has(error.code) ? EXIT.unsupported[0] : EXIT.failed[0];
  if (error instanceof BpfError && error.code === 'NOT_SUPPORTED') return EXIT.unsupported[0];
  if (error instanceof BpfError) return error.code === 'CONNECTION' ? EXIT.connection[0] : EXIT.failed[0];
  return EXIT.bug[0];
}
