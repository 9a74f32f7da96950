import type { Violation } from './violation.ts';

/** The page of docs/verifier/ about a kind of violation, in Markdown. */
export function violationPage(violation: Violation): string {
  const { code, title, says, why, fix, example } = violation;
  const parts = [
    `# ${code}: ${title}`,
    why,
    `The kernel says:`,
    ['```', ...new Set(says.map(shownWords)), '```'].join('\n'),
    `What usually helps: ${fix}.`,
    ...(example === undefined ? [] : ['Refused:', fenced(example.before), 'Not refused:', fenced(example.after)]),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** `R{reg} invalid mem access '{nullable}'` as people write it: `R… invalid mem access '…'`. */
function shownWords(words: string): string {
  return words.trim().replace(/\{\w+\}/g, '…');
}

function fenced(code: string): string {
  return `\`\`\`c\n${code}\n\`\`\``;
}
