import type { Violation } from './violation.ts';
import { PRELUDE } from './violations/prelude.ts';

/** The page of docs/verifier/ about a kind of violation, in Markdown. */
export function violationPage({ code, title, says, why, fix, example }: Violation): string {
  const parts = [
    `# ${code}: ${title}`,
    why,
    'The kernel says:',
    ['```', ...new Set(says.map(shownWords)), '```'].join('\n'),
    `What usually helps: ${fix}.`,
    ...(example === undefined ? [] : ['Refused:', fenced(example.before)]),
    ...(example?.needs === undefined ? [] : [`It takes ${example.needs}.`]),
    ...(example === undefined ? [] : ['Not refused:', fenced(example.after)]),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** What all examples begin with, and the table of all kinds, in Markdown. */
export function violationIndex(violations: readonly Violation[]): string {
  const rows = violations.map(({ code, title, says }) => {
    const words = shownWords(says[0] ?? '').replaceAll('|', '\\|');
    return `| [${code}](${code}.md) | ${title} | \`${words}\` |`;
  });
  return [
    fenced(PRELUDE.trimEnd()),
    '',
    '## All kinds',
    '',
    '| code | what | the kernel, for example |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/** `R{reg} invalid mem access '{nullable}'` as people write it: `R… invalid mem access '…'`. */
function shownWords(words: string): string {
  return words.replace(/\{\w+\}/g, '…');
}

function fenced(code: string): string {
  return `\`\`\`c\n${code}\n\`\`\``;
}
