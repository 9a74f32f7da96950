import { resolve } from 'node:path';
import { UsageError } from '../../errors.ts';
import { claimSocket, connectIfServed, type SharedKernel, serve } from '../../server/index.ts';
import { type AnyCommand, command } from '../command.ts';

/** `loadKernel` is the composition root's: it alone makes engines. */
export function serveCommand(defaultPath: () => string, loadKernel: () => Promise<() => SharedKernel>): AnyCommand {
  return command<string>({
    path: ['serve'],
    usage: '[--socket PATH] [--stop]',
    about: 'keeps an embedded kernel on a local socket, until stopped; other commands start one by themselves',
    async run(context, words) {
      let given: string | undefined;
      let stop = false;
      while (!words.done) {
        if (words.exact('--stop')) stop = true;
        else if (words.exact('--socket')) given = resolve(words.next('the path of the socket'));
        else words.end();
      }
      const path = given ?? chosenSocket(context.kernelName, stop) ?? defaultPath();
      if (stop) return stopServer(path);
      const toStop = path === defaultPath() ? 'skep serve --stop' : `skep serve --stop --socket ${path}`;
      const makeKernel = await loadKernel();
      const claimed = await claimSocket(path);
      if (claimed === undefined)
        throw new UsageError(`a kernel is served at ${path} already; stop it with \`${toStop}\``);
      try {
        const server = serve(makeKernel(), claimed.server);
        context.signal.addEventListener('abort', () => server.stop(), { once: true });
        context.note(
          `serving an embedded kernel at ${path}; use it with --kernel ${path} or SKEP_KERNEL, stop it with \`${toStop}\``,
        );
        await server.stopped;
        return `the kernel at ${path} has ended`;
      } finally {
        claimed.release();
      }
    },
    text: (line) => line,
    json: (line) => ({ message: line }),
  });
}

/**
 * The socket that --kernel or SKEP_KERNEL names, `undefined` if they name none. Throws UsageError if they name a kernel that has no socket
 * and one is to be stopped.
 */
function chosenSocket(kernel: string, stop: boolean): string | undefined {
  if (kernel.includes('/') || kernel.includes('\\')) return resolve(kernel);
  if (stop && kernel !== 'embedded') throw new UsageError(`serve --stop: the kernel \`${kernel}\` is served by nobody`);
  return undefined;
}

function stopServer(path: string): string {
  const kernel = connectIfServed(path);
  if (kernel === undefined) return `no kernel is served at ${path}`;
  kernel.shutdown();
  kernel[Symbol.dispose]();
  return `the kernel at ${path} was told to end`;
}
