import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { BpfError } from '../errors.ts';
import { systemReason } from './system-reason.ts';

/** Bytes of a socket's path: `sun_path` of sockaddr_un without its NUL. What is longer is cut off without a word below Node.js. */
const MAX_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

/** The socket of the user's background kernel: in the user's runtime directory, which nobody else may enter. */
export function defaultSocket(): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\skep-${userInfo().username}`;
  return join(socketDirectory(), 'kernel.sock');
}

/** A relative XDG_RUNTIME_DIR is ignored, as the XDG Base Directory Specification says. */
function socketDirectory(): string {
  const { XDG_RUNTIME_DIR = '' } = process.env;
  return isAbsolute(XDG_RUNTIME_DIR)
    ? join(XDG_RUNTIME_DIR, 'skep')
    : join(resolve(tmpdir()), `skep-${process.getuid?.()}`); // not userInfo(): a uid need not have a name
}

/** Throws BpfError CONNECTION if `path` is longer than the path of a socket can be. */
export function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (process.platform === 'win32' || length <= MAX_SOCKET_PATH) return;
  throw new BpfError(
    'CONNECTION',
    `${path} is ${length} bytes long, and the path of a socket at most ${MAX_SOCKET_PATH}: choose a shorter one, or a shorter XDG_RUNTIME_DIR`,
  );
}

/**
 * Makes the directory of a socket, mode 0700. Throws BpfError UNSAFE_DIRECTORY if it exists and others may enter it: whoever can put a socket
 * there could stand in for the kernel; CONNECTION if it cannot be made.
 */
export function prepareSocketDirectory(directory: string): void {
  const stat = orConnectionError(`${directory} cannot be made for the kernel's socket`, () => {
    makeDirectory(directory);
    return lstatSync(directory);
  });
  const uid = process.getuid?.();
  if (uid === undefined || (stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0)) return;
  throw new BpfError(
    'UNSAFE_DIRECTORY',
    `${directory} cannot hold the kernel's socket: it must be a directory of yours with mode 0700; name a path in one of its own`,
  );
}

/** With those above it that are missing. Node's own `recursive` never ends where a file system makes no directories, as in /proc. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    const parent = dirname(directory);
    if (code !== 'ENOENT' || existsSync(parent) || parent === directory) throw error;
    makeDirectory(parent);
    mkdirSync(directory, { mode: 0o700 });
  }
}

/** What `call` returns. An error of the file system becomes a BpfError CONNECTION that says what could not be done. */
export function orConnectionError<T>(sentence: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw connectionError(sentence, error);
  }
}

/** An error of Node.js as a BpfError CONNECTION; any other one as it is. */
export function connectionError(sentence: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error) || error instanceof BpfError) return error;
  return new BpfError('CONNECTION', `${sentence}: ${systemReason(error)}`, { cause: error });
}
