import { ObjectError, UsageError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { orUndefined, readBytes } from '../calls.ts';

/** Where a name without a directory is looked for. */
const LIBRARY_DIRS = ['/lib64', '/usr/lib64', '/lib', '/usr/lib', '/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu'];
const ARM_DIRS = ['/lib/aarch64-linux-gnu', '/usr/lib/aarch64-linux-gnu'];
const PROGRAM_DIRS = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The path of an executable or library. Throws UsageError if there is none of a name without `/`. */
export function findBinary(kernel: Kernel, path: string): string {
  if (path.includes('/')) return path;
  const dirs = /\.so($|\.)/.test(path) ? [...LIBRARY_DIRS, ...ARM_DIRS] : PROGRAM_DIRS;
  const found = dirs
    .map((dir) => `${dir}/${path}`)
    .find((file) => orUndefined(['ENOENT', 'ENOTDIR', 'EACCES'], () => kernel.stat(file)) !== undefined);
  if (found !== undefined) return found;
  throw new UsageError(`there is no ${path} in ${dirs.join(', ')}; give its path`);
}

/** Bytes of a file that places are looked for in. */
const MAX_BINARY = 1 << 28;

/** What `find` finds in a file; its ObjectErrors say which file it was. */
export function inBinary<T>(kernel: Kernel, file: string, find: (bytes: Uint8Array) => T): T {
  const bytes = readBytes(kernel, file, MAX_BINARY);
  try {
    return find(bytes);
  } catch (error) {
    throw error instanceof ObjectError ? error.at({ file }) : error;
  }
}
