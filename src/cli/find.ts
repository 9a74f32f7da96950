import { UsageError } from '../errors.ts';
import type { AnyCommand } from './command.ts';
import { commandUsage } from './commands/help.ts';
import { wordMatches, wordsMatch } from './match.ts';

/**
 * The command that the first words select: each must match the path's word, and of several commands the first in the table wins, as in tc and
 * bpftool. As there, a group alone shows what there is, and `GROUP help` is its help. Returns the command with the words that are left.
 */
export function findCommand(
  commands: readonly AnyCommand[],
  words: readonly string[],
): { row: AnyCommand; rest: readonly string[] } {
  const row = commands.find(({ path }) => words.length >= path.length && wordsMatch(path, words.slice(0, path.length)));
  if (row !== undefined) return { row, rest: words.slice(row.path.length) };
  const show = commands.find(
    ({ path }) => path.at(-1) === 'show' && path.length === words.length + 1 && wordsMatch(path, words),
  );
  if (show !== undefined) return { row: show, rest: [] };
  const group = words.slice(0, -1);
  const help = commands.find(({ path: [first] }) => first === 'help');
  const last = words.at(-1) ?? '';
  if (help !== undefined && wordMatches('help', last) && commands.some(({ path }) => wordsMatch(path, group))) {
    return { row: help, rest: group };
  }
  const [first] = words;
  const near = commands.filter(({ path }) => first !== undefined && wordMatches(path[0], first));
  if (near.length === 0) throw new UsageError(`there is no command '${words.join(' ')}'; \`skep help\` lists them all`);
  throw new UsageError(
    `'${words.join(' ')}' is not complete or not known; did you mean\n${near.map((n) => `  ${commandUsage(n)}`).join('\n')}`,
  );
}
