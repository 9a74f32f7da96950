import { closeSync, linkSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BpfError, UsageError } from '../errors.ts';
import { checkSocketPath, connectionError, orConnectionError, prepareSocketDirectory } from './place.ts';
import { listen } from './serve.ts';

/** Milliseconds after which a lock was left by a process that was killed: it is held for a few. */
const LOCK_AGE = 5_000;
/** Milliseconds to wait for the lock. */
const LOCK_TIMEOUT = 10_000;

/**
 * A server socket at `path`; `undefined` if another one serves there already, which is whoever answers. A socket left by a server that was
 * killed is replaced. A lock beside it is held meanwhile, so that of two servers started at the same time one gives way.
 *
 * Throws BpfError CONNECTION where no socket can be made, UsageError if something that is no socket is at `path`.
 */
export async function claimSocket(path: string): Promise<{ server: Server; release(): void } | undefined> {
  checkSocketPath(path);
  prepareSocketDirectory(dirname(path));
  const unlock = await takeLock(`${path}.lock`);
  try {
    if (await isServed(path)) return undefined;
    removeSocket(path);
    const server = await listen(path);
    // Closing also removes the socket, before another server can have made one of its own there.
    return { server, release: () => void server.close() };
  } catch (error) {
    throw connectionError(`no socket can be made at ${path}`, error);
  } finally {
    unlock();
  }
}

/** Whether somebody listens at `path`; also one who is busy. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (served: boolean) => {
      socket.destroy();
      resolve(served);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', (error) => answer(!isErrno(error, 'ECONNREFUSED', 'ENOENT')));
  });
}

function removeSocket(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new UsageError(`${path} is there already and is no socket; choose another path`);
  removeIfThere(path);
}

/** Returns what gives the lock back. */
async function takeLock(lock: string): Promise<() => void> {
  for (const end = Date.now() + LOCK_TIMEOUT; Date.now() < end; ) {
    if (createLock(lock)) return () => removeIfThere(lock);
    removeDeadLock(lock);
    await sleep(20);
  }
  throw new BpfError('CONNECTION', `another server is starting; if that is not so, remove ${lock}`);
}

function createLock(lock: string): boolean {
  return orConnectionError(`${lock} cannot be made`, () => {
    try {
      closeSync(openSync(lock, 'wx', 0o600));
      return true;
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return false;
      throw error;
    }
  });
}

/** Takes an old lock out of the way by renaming it, which one process alone can do; puts it back if it was a new one by then. */
function removeDeadLock(lock: string): void {
  const age = lockAge(lock);
  if (age === undefined || age < LOCK_AGE) return;
  const moved = `${lock}.${process.pid}`;
  try {
    renameSync(lock, moved);
    if ((lockAge(moved) ?? LOCK_AGE) < LOCK_AGE) linkSync(moved, lock);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EEXIST')) throw connectionError(`${lock} cannot be removed`, error);
  }
  removeIfThere(moved);
}

/** Milliseconds since it was made. Renaming does not change it. */
function lockAge(lock: string): number | undefined {
  const stat = lstatSync(lock, { throwIfNoEntry: false });
  return stat === undefined ? undefined : Math.abs(Date.now() - stat.mtimeMs);
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
