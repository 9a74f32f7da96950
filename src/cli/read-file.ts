import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { systemReason } from '../server/index.ts';

/** Bytes of a file that are read at most: no object, capture or BTF comes near. */
export const MAX_FILE = 256 * 1024 * 1024;
const CHUNK = 1024 * 1024;

/**
 * Reads a file that the user named, `-` for standard input. Throws UsageError for what cannot be read, is neither a file nor a pipe (a device may never end), or
 * is longer than `limit` bytes.
 */
export function readUserFile(path: string, limit: number = MAX_FILE): Uint8Array {
  try {
    const fd = path === '-' ? 0 : openSync(path, 'r');
    try {
      return readAll(fd, path, limit);
    } finally {
      if (fd !== 0) closeSync(fd);
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const reason = cause instanceof Error && 'code' in cause ? systemReason(cause) : String(cause);
    throw new UsageError(`cannot read ${path}: ${reason}`, { cause });
  }
}

function readAll(fd: number, path: string, limit: number): Uint8Array {
  const stat = fstatSync(fd);
  // Standard input may be anything: a terminal, a socket.
  if (stat.isDirectory()) throw new UsageError(`cannot read ${path}: it is a directory`);
  if (fd !== 0 && !stat.isFile() && !stat.isFIFO())
    throw new UsageError(`cannot read ${path}: it is neither a file nor a pipe`);
  const chunks: Uint8Array[] = [];
  const chunk = new Uint8Array(CHUNK);
  // Sizes are not believed: those of /proc and /sys are 0 or 4096.
  for (let size = 0; ; ) {
    const got = readChunk(fd, chunk);
    if (got === 0) return Buffer.concat(chunks);
    size += got;
    if (size > limit) throw new UsageError(`cannot read ${path}: it has more than ${limit} bytes`);
    chunks.push(chunk.slice(0, got));
  }
}

/** Waits for input where the other end set O_NONBLOCK on a pipe that is shared. */
function readChunk(fd: number, chunk: Uint8Array): number {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      return readSync(fd, chunk);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}

/** What tells a file from all others; zeros where nothing does. */
export function fileIdentity(path: string): { readonly dev: bigint; readonly ino: bigint } {
  const stat = path === '-' ? undefined : statSync(path, { bigint: true, throwIfNoEntry: false });
  return { dev: stat?.dev ?? 0n, ino: stat?.ino ?? 0n };
}
