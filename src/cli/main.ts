import { systemReason } from '../server/index.ts';
import { EXIT } from './exit.ts';
import { runProgram } from './program.ts';

/** The `skep` command. */
const output = {
  out: (text: string) => void process.stdout.write(text),
  err: (text: string) => void process.stderr.write(text),
};

// A reader that goes away (`skep … | head`) is no error; a full disk is, and its output is lost.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok[0]);
  output.err(`Error: cannot write to standard output: ${systemReason(error)}\n`);
  process.exit(EXIT.failed[0]);
});
// Nobody reads what would be said there, and the work goes on.
process.stderr.on('error', () => {});

process.exitCode = await runProgram(process.argv.slice(2), process.env, output);
