import { spawn } from 'node:child_process';
import { UsageError } from '../errors.ts';

/** Added to the number of the signal that ended a program, as shells do. */
const SIGNALED = 128;
const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};
/** The number that the first of the fds has in the program; the others follow. */
export const FIRST_INHERITED = 3;

/**
 * Runs a program in the foreground, with `fds` as its fds 3, 4, …; resolves with its exit code. The terminal's SIGINT is for the program alone, SIGTERM is handed on
 * to it.
 */
export function runInheriting(
  command: string,
  args: readonly string[],
  fds: readonly number[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit', ...fds], env });
    const ignore = (): void => {};
    const end = (): void => void child.kill('SIGTERM');
    process.on('SIGINT', ignore);
    process.on('SIGTERM', end);
    const done = (): void => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', end);
    };
    child.once('error', (cause) => {
      done();
      reject(new UsageError(`${command} cannot be run: ${cause.message}`, { cause }));
    });
    child.once('exit', (code, signal) => {
      done();
      resolve(code ?? SIGNALED + (SIGNALS[signal ?? ''] ?? 0));
    });
  });
}
