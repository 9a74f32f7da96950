import { readFileSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { connectOrStart, defaultSocket, RemoteKernel } from '../server/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { PacketLab, TestRunLab } from '../sys/lab.ts';
import { strace } from '../sys/strace.ts';
import type { WatchedKernel } from '../sys/watch.ts';
import type { Context } from './command.ts';
import { commandTable } from './commands/index.ts';
import { EXIT, exitCode } from './exit.ts';
import { type Options, parseOptions } from './options.ts';
import { readUserFile } from './read-file.ts';
import { type Output, reportError, runCommand } from './run.ts';

/**
 * One `skep` command line, as of a process of its own. Returns its exit code. The composition root: the only file here that knows which kernels there
 * are.
 */
export async function runProgram(argv: readonly string[], env: NodeJS.ProcessEnv, output: Output): Promise<number> {
  // An in-process kernel that a command waits for is nothing that keeps Node alive.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    const options = parseOptions(argv, env);
    if (options.version) {
      output.out(options.json ? `${JSON.stringify({ version: version() })}\n` : `skep ${version()}\n`);
      return EXIT.ok[0];
    }
    const words = options.help ? ['help', ...options.words] : options.words.length === 0 ? ['help'] : options.words;
    const { context, dispose } = makeContext(options, await machineMaker(options), env, output);
    try {
      return await runCommand(
        commandTable(() => createEmbedded(options)),
        { ...options, words },
        context,
        output,
      );
    } finally {
      dispose();
    }
  } catch (error) {
    // Only the options are not understood yet, so how to print the error is not known either.
    reportError(error, { json: argv.includes('-j') || argv.includes('--json'), pretty: false, details: false }, output);
    return exitCode(error);
  } finally {
    clearInterval(alive);
  }
}

interface Machine {
  readonly kernel: Kernel;
  readonly lab: PacketLab & Partial<TestRunLab>;
  readonly watched?: WatchedKernel;
}

/** Loads what the kernel of this name needs, and nothing else: a command starts in the time that its imports take. */
async function machineMaker(options: Options): Promise<() => Machine> {
  const name = options.kernel;
  switch (name) {
    case 'embedded':
      return () => ofRemote(connectOrStart(defaultSocket()));
    case 'inprocess':
      return createEmbedded(options);
    case 'linux': {
      const { createLinuxKernel, createLinuxPacketLab } = await import('../engine/linux/index.ts');
      return () => {
        const kernel = createLinuxKernel();
        return { kernel, lab: createLinuxPacketLab(kernel) };
      };
    }
    default:
      if (!name.includes('/') && !name.includes('\\')) {
        throw new UsageError(`--kernel ${name}: embedded, linux, inprocess, or the path of a socket is expected`);
      }
      return () => ofRemote(new RemoteKernel(name));
  }
}

async function createEmbedded({ interp }: Options) {
  const { createEmbeddedKernel } = await import('../engine/embedded/index.ts');
  return () => createEmbeddedKernel({ jit: interp ? 'off' : 'on' });
}

function ofRemote(kernel: RemoteKernel): Machine {
  return { kernel, lab: kernel, watched: kernel };
}

function makeContext(
  options: Options,
  make: () => Machine,
  env: NodeJS.ProcessEnv,
  output: Output,
): { context: Context; dispose(): void } {
  let machine: Machine | undefined;
  const get = (): Machine => {
    if (machine === undefined) {
      const made = make();
      machine = options.strace ? { ...made, kernel: strace(made.kernel, (line) => output.err(`${line}\n`)) } : made;
    }
    return machine;
  };
  const context: Context = {
    get kernel() {
      return get().kernel;
    },
    get lab() {
      return get().lab;
    },
    get watched() {
      return get().watched;
    },
    details: options.details,
    stats: options.stats,
    kernelName: options.kernel,
    baseBtf: options.baseBtf,
    env,
    inheritable: options.kernel === 'linux',
    get signal() {
      return interruptSignal();
    },
    readFile: readUserFile,
    readOptionalText(path) {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined; // absent or unreadable: the caller does without
      }
    },
    note: (line) => output.err(`${line}\n`),
  };
  return { context, dispose: () => machine?.kernel[Symbol.dispose]() };
}

let interrupted: AbortController | undefined;

/**
 * Aborted by SIGINT and SIGTERM. Only what asks for it lives on after a signal, to end by itself; other commands end as the system does it, with
 * all that they wait for.
 */
function interruptSignal(): AbortSignal {
  if (interrupted === undefined) {
    const abort = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => abort.abort());
    interrupted = abort;
  }
  return interrupted.signal;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version: number }: { version: string } = JSON.parse(text);
  return number;
}
