import type { AnyCommand, Context } from '../../src/cli/command.ts';
import { runCommand } from '../../src/cli/run.ts';

/** Runs a command line of commands that need no kernel, with what it prints. `readFile` stands for the file system. */
export async function runWithoutKernel(
  commands: readonly AnyCommand[],
  readFile: Context['readFile'],
  words: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const noKernel = (): never => {
    throw new Error('these commands need no kernel');
  };
  const context: Context = {
    get kernel() {
      return noKernel();
    },
    get lab() {
      return noKernel();
    },
    details: false,
    kernelName: 'inprocess',
    signal: new AbortController().signal,
    readFile,
    readOptionalText: () => undefined,
    note: (line) => {
      err += `${line}\n`;
    },
  };
  const json = words[0] === '-j';
  const code = await runCommand(commands, { json, pretty: false, words: json ? words.slice(1) : words }, context, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}
