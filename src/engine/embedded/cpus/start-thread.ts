import { NotSupportedError } from '../../../errors.ts';
import { inStretches } from '../jit/batch.ts';
import { cpuThread, type ThreadTask } from './cpu-thread.ts';

/** A thread that is given tasks. It keeps no process alive. */
export interface Thread {
  post(task: ThreadTask): void;
  terminate(): void;
}

interface NodeWorker {
  postMessage(message: unknown): void;
  terminate(): unknown;
  unref(): void;
}
interface Host {
  readonly process?: {
    getBuiltinModule?(name: 'node:worker_threads'): {
      readonly Worker: new (text: string, options: { eval: true; execArgv: readonly string[] }) => NodeWorker;
    };
  };
  readonly Worker?: new (url: string) => Omit<NodeWorker, 'unref'>;
}

/** Throws NotSupportedError where there are no threads. */
export function startThread(): Thread {
  const host = globalThis as unknown as Host; // what of these there is, is looked at
  const worker = host.process?.getBuiltinModule?.('node:worker_threads').Worker;
  if (worker !== undefined) {
    const text = threadText("(run) => require('node:worker_threads').parentPort.on('message', run)");
    // Not the options of the process: `-e SCRIPT` or `--inspect` are none for this thread.
    const started = new worker(text, { eval: true, execArgv: [] });
    started.unref();
    return { post: (task) => started.postMessage(task), terminate: () => void started.terminate() };
  }
  if (host.Worker === undefined)
    throw new NotSupportedError('several virtual CPUs', { instead: 'this JavaScript engine has no threads' });
  const text = threadText('(run) => { onmessage = (event) => run(event.data) }');
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  const started = new host.Worker(url);
  URL.revokeObjectURL(url);
  return { post: (task) => started.postMessage(task), terminate: () => void started.terminate() };
}

/** `onTask`: as text, what says who is given tasks. */
function threadText(onTask: string): string {
  return `(${cpuThread})(${onTask}, ${inStretches})`;
}
