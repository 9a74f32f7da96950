import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfError } from '../errors.ts';
import { prepareSocketDirectory } from './place.ts';
import { RemoteKernel } from './remote.ts';
import { listen } from './serve.ts';

/** Milliseconds for a background kernel to come up. */
const START_TIMEOUT = 10_000;

/** The kernel that serves at `path`, or `undefined` if none does. */
export function connectIfServed(path: string): RemoteKernel | undefined {
  try {
    return new RemoteKernel(path);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'CONNECTION') return undefined;
    throw error;
  }
}

/** The kernel that serves at `path`; if none does, one is started in the background and lives on. */
export function connectOrStart(path: string): RemoteKernel {
  const running = connectIfServed(path);
  if (running !== undefined) return running;
  prepareSocketDirectory(dirname(path));
  const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  spawn(process.execPath, [main, 'serve', '--socket', path], { detached: true, stdio: 'ignore', cwd: '/' }).unref();
  const nap = new Int32Array(new SharedArrayBuffer(4));
  for (const end = Date.now() + START_TIMEOUT; Date.now() < end; ) {
    Atomics.wait(nap, 0, 0, 20);
    const kernel = connectIfServed(path);
    if (kernel !== undefined) return kernel;
  }
  throw new BpfError(
    'CONNECTION',
    `the background kernel did not come up at ${path}; run \`skep serve --socket ${path}\` to see why`,
  );
}

/**
 * A server socket at `path`, with a lock beside it so that of two servers started at the same time one gives way. `undefined` if another one
 * serves there already. A socket left by a server that was killed is replaced.
 */
export async function claimSocket(path: string): Promise<{ server: Server; release(): void } | undefined> {
  prepareSocketDirectory(dirname(path));
  const lock = `${path}.lock`;
  if (!takeLock(lock)) return undefined;
  const release = () => {
    removeIfThere(path);
    removeIfThere(lock);
  };
  removeIfThere(path);
  try {
    const server = await listen(path);
    return {
      server,
      release() {
        server.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** A file with the owner's process id; one whose owner is gone is taken over. */
function takeLock(lock: string): boolean {
  for (let tries = 0; tries < 3; tries++) {
    try {
      const fd = openSync(lock, 'wx', 0o600);
      writeSync(fd, String(process.pid));
      closeSync(fd);
      return true;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (isAlive(lock)) return false;
      removeIfThere(lock);
    }
  }
  return false;
}

function isAlive(lock: string): boolean {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
