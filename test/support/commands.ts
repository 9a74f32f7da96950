import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { AnyCommand, Context } from '../../src/cli/command.ts';
import { commandTable } from '../../src/cli/commands/index.ts';
import { runProgram } from '../../src/cli/program.ts';
import { readUserFile } from '../../src/cli/read-file.ts';
import { runCommand } from '../../src/cli/run.ts';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { PacketLab } from '../../src/sys/lab.ts';
import { type Ran, root } from './kernels.ts';
import { machine, type Shown } from './machine.ts';
import { SLOW } from './slow.ts';

/** Runs a command as a user does, on the running kernel. For commands that change nothing of it. */
export function skepOnLinux(...words: readonly string[]) {
  const line = [join(root, 'bin/skep'), '--kernel', 'linux', ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, line, { encoding: 'utf8', timeout: 60_000 * SLOW });
  return { status, stdout, stderr };
}

/** Runs a whole command line, in this process. What a command leaves open stays so. */
export async function runSkep(...argv: readonly string[]): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const status = await runProgram(argv, process.env, {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
  });
  return { status, stdout, stderr };
}

/** Runs one of `commands` on an embedded kernel, in this process. `shown`: what the kernel shows of a machine. */
export async function skepInProcess(
  commands: readonly AnyCommand[],
  words: readonly string[],
  { json = false, shown }: { readonly json?: boolean; readonly shown?: Shown } = {},
): Promise<Ran> {
  const { kernel, lab } = createEmbeddedKernel();
  const parts = { kernel: shown === undefined ? kernel : machine(shown), lab, readFile: () => new Uint8Array(0) };
  return run(commands, words, { json }, parts);
}

/** Runs one of all commands on a kernel of the caller's, in this process. Before the words may be `-j` and `-s`. */
export async function skepOn(kernel: Kernel, lab: PacketLab, words: readonly string[]): Promise<Ran> {
  const commands = commandTable(() => Promise.reject(new Error('no kernel is made here')));
  const first = words.findIndex((word) => !word.startsWith('-'));
  const [json, stats] = ['-j', '-s'].map((option) => words.slice(0, first).includes(option));
  return run(commands, words.slice(first), { json, stats }, { kernel, lab, readFile: readUserFile });
}

/** Runs a command line (`-j` first for JSON) of commands that need no kernel. `readFile` stands for the file system. */
export async function skepWithoutKernel(
  commands: readonly AnyCommand[],
  readFile: Context['readFile'],
  words: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const noKernel = (): never => {
    throw new Error('these commands need no kernel');
  };
  const parts = {
    get kernel() {
      return noKernel();
    },
    get lab() {
      return noKernel();
    },
    readFile,
  };
  const json = words[0] === '-j';
  const { status, stdout, stderr } = await run(commands, json ? words.slice(1) : words, { json }, parts);
  return { code: status, out: stdout, err: stderr };
}

async function run(
  commands: readonly AnyCommand[],
  words: readonly string[],
  { json = false, stats = false }: { readonly json?: boolean | undefined; readonly stats?: boolean | undefined },
  parts: Pick<Context, 'kernel' | 'lab' | 'readFile'>,
): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const context: Context = {
    // Asked for only when they are used.
    get kernel() {
      return parts.kernel;
    },
    get lab() {
      return parts.lab;
    },
    kernelName: 'inprocess',
    details: false,
    stats,
    env: {},
    inheritable: false,
    signal: new AbortController().signal,
    readFile: parts.readFile,
    readOptionalText: () => undefined,
    note: (line) => {
      stderr += `${line}\n`;
    },
  };
  const status = await runCommand(commands, { json, pretty: false, words }, context, {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
  });
  return { status, stdout, stderr };
}
