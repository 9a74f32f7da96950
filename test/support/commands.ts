import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { AnyCommand, Context } from '../../src/cli/command.ts';
import { runCommand } from '../../src/cli/run.ts';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { type Ran, root } from './kernels.ts';
import { machine, type Shown } from './machine.ts';

/** Runs a command as a user does, on the running kernel. For commands that change nothing of it. */
export function skepOnLinux(...words: readonly string[]) {
  const line = [join(root, 'bin/skep'), '--kernel', 'linux', ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, line, { encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}

/** Runs one of `commands` on an embedded kernel, in this process. `shown`: what the kernel shows of a machine. */
export async function skepInProcess(
  commands: readonly AnyCommand[],
  words: readonly string[],
  { json = false, shown }: { readonly json?: boolean; readonly shown?: Shown } = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const context: Context = {
    ...createEmbeddedKernel(),
    ...(shown !== undefined && { kernel: machine(shown) }),
    kernelName: 'inprocess',
    details: false,
    signal: new AbortController().signal,
    readFile: () => new Uint8Array(0),
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
