import { UsageError } from '../errors.ts';
import type { AnyCommand } from './command.ts';
import { commandUsage } from './commands/help.ts';

/** Words that stand for another one at their place, as in the originals. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['list', 'show'],
  ['lst', 'show'],
  ['ls', 'show'],
  ['del', 'delete'],
  ['program', 'prog'],
]);

/**
 * The command that the first words select: each must be a prefix of the path's word, and of several commands the first in the table wins, as in tc
 * and bpftool. Returns it with the words that are left.
 */
export function findCommand(
  commands: readonly AnyCommand[],
  words: readonly string[],
): { row: AnyCommand; rest: readonly string[] } {
  const row =
    commands.find((candidate) => matches(candidate, words, false)) ??
    commands.find((candidate) => matches(candidate, words, true));
  if (row !== undefined) return { row, rest: words.slice(row.path.length) };
  const [first] = words;
  const near = commands.filter((candidate) => first !== undefined && wordMatches(candidate.path[0], first, true));
  if (near.length === 0) throw new UsageError(`there is no command '${words.join(' ')}'; \`skep help\` lists them all`);
  throw new UsageError(
    `'${words.join(' ')}' is not complete or not known; did you mean\n${near.map((n) => `  ${commandUsage(n)}`).join('\n')}`,
  );
}

function matches(row: AnyCommand, words: readonly string[], synonyms: boolean): boolean {
  return row.path.every((part, i) => {
    const word = words[i];
    return word !== undefined && wordMatches(part, word, synonyms);
  });
}

function wordMatches(part: string, word: string, synonyms: boolean): boolean {
  return word !== '' && (part.startsWith(word) || (synonyms && SYNONYMS.get(word) === part));
}
