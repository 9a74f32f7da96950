import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfError } from '../errors.ts';
import { checkSocketPath, prepareSocketDirectory } from './place.ts';
import { RemoteKernel } from './remote.ts';

/** Milliseconds for a background kernel to come up. */
const START_TIMEOUT = 10_000;

/** The kernel that serves at `path`, or `undefined` if none does. Throws BpfError CONNECTION if no socket can have that path. */
export function connectIfServed(path: string): RemoteKernel | undefined {
  checkSocketPath(path);
  try {
    return new RemoteKernel(path);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'CONNECTION') return undefined;
    throw error;
  }
}

/** The kernel that serves at `socket`; if none does, one is started in the background and lives on. */
export function connectOrStart(socket: string): RemoteKernel {
  const path = resolve(socket); // the server runs in another directory
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
