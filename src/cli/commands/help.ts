import { UsageError } from '../../errors.ts';
import { type AnyCommand, command } from '../command.ts';
import { EXIT } from '../exit.ts';
import { columns } from '../format.ts';
import { wordsMatch } from '../match.ts';
import { OPTIONS } from '../options.ts';

/** The text of `skep help`, made from the tables of commands, options and exit codes. */
export function helpText(commands: readonly AnyCommand[]): string {
  const options = Object.entries(OPTIONS).map(([name, { short, about }]) => [
    `  ${short === undefined ? '    ' : `-${short}, `}--${name}`,
    about,
  ]);
  return [
    'skep: load, share, pin, attach and run eBPF objects, on Linux or on an embedded kernel',
    '',
    'usage: skep [OPTIONS] COMMAND …   (a prefix of each word is enough)',
    '',
    'commands:',
    ...commands.map((row) => `  ${commandUsage(row)}\n      ${row.about}`),
    '',
    'options:',
    columns(options),
    '',
    'exit codes:',
    columns(Object.values(EXIT).map(([code, about]) => [`  ${code}`, about])),
  ].join('\n');
}

export function commandUsage(row: AnyCommand): string {
  return `skep ${row.path.join(' ')}${row.usage === '' ? '' : ` ${row.usage}`}`;
}

/** `commands` is asked for late: the table holds this command too. */
export function helpCommand(commands: () => readonly AnyCommand[]): AnyCommand {
  return command<string>({
    path: ['help'],
    usage: '[WORD...]',
    about: 'this text, or that of the commands that start with the words',
    run(_context, words) {
      const wanted = words.rest();
      if (wanted.length === 0) return helpText(commands());
      const rows = commands().filter(({ path }) => wordsMatch(path, wanted));
      if (rows.length === 0)
        throw new UsageError(`there is no command '${wanted.join(' ')}'; \`skep help\` lists them all`);
      return rows.map((r) => `${commandUsage(r)}\n    ${r.about}`).join('\n');
    },
    text: (text) => text,
    json: (text) => ({ help: text }),
  });
}
