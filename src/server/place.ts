import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { BpfError } from '../errors.ts';

/** The socket of the user's background kernel: in the user's runtime directory, which nobody else may enter. */
export function defaultSocket(): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\skep-${userInfo().username}`;
  return join(socketDirectory(), 'kernel.sock');
}

function socketDirectory(): string {
  const { XDG_RUNTIME_DIR } = process.env;
  return XDG_RUNTIME_DIR === undefined || XDG_RUNTIME_DIR === ''
    ? join(tmpdir(), `skep-${userInfo().uid}`)
    : join(XDG_RUNTIME_DIR, 'skep');
}

/**
 * Makes the directory of a socket, mode 0700. Throws BpfError if it exists and others may enter it: whoever can put a socket there could stand
 * in for the kernel.
 */
export function prepareSocketDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stat = lstatSync(directory);
  const uid = process.getuid?.();
  if (uid === undefined || (stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0)) return;
  throw new BpfError(
    'UNSAFE_DIRECTORY',
    `${directory} cannot hold the kernel's socket: it must be a directory of yours with mode 0700; name a path in one of its own`,
  );
}
