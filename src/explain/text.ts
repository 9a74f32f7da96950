import type { Clue, Explanation, Place } from './explanation.ts';

/** Characters of a line of C that are shown. */
const MAX_SOURCE = 120;

export interface TextOptions {
  /** With the C code of the fix. Default true. */
  readonly code?: boolean;
}

/** An explanation for people: what, where, how it came to that, and what to do. Ends without a newline. */
export function formatExplanation(explanation: Explanation, { code = true }: TextOptions = {}): string {
  const { what, where, lost, missing, fix, words } = explanation;
  const known = explanation.code === undefined ? '' : `${explanation.code}: `;
  const program = explanation.program === undefined ? '' : ` (program ${explanation.program})`;
  return [
    `${known}${explanation.title}${program}`,
    `  ${what}`,
    ...(where === undefined ? [] : ['', ...placeLines(where), `        ^ the kernel: ${words}`]),
    ...(where === undefined && explanation.code !== undefined ? [`  the kernel: ${words}`] : []),
    ...(lost.length === 0 && missing === undefined ? [] : ['', '  how it came to that:', ...lost.flatMap(clueLines)]),
    ...(missing === undefined ? [] : [`    => ${missing}`]),
    ...(fix === undefined ? [] : ['', `  fix: ${fix.text}`, ...(code ? codeLines(fix.after) : [])]),
    ...(explanation.code === undefined ? [] : ['', `  more: skep explain ${explanation.code}`]),
  ].join('\n');
}

function placeLines(place: Place): string[] {
  return [
    `  ${placeText(place)}`,
    ...(place.source ? [`      ${place.source.slice(0, MAX_SOURCE)}`] : []),
    ...(place.text === undefined ? [] : [`      ${place.text}`]),
  ];
}

/** `count.c:15, instruction 7`. */
function placeText({ file, line, insn }: Place): string {
  return file === undefined || line === undefined ? `instruction ${insn}` : `${file}:${line}, instruction ${insn}`;
}

function clueLines(clue: Clue): string[] {
  const source = clue.source ? [`        ${clue.source.slice(0, MAX_SOURCE)}`] : [];
  return [`    ${placeText(clue)}: ${clue.says}`, ...source];
}

function codeLines(code: string | undefined): string[] {
  return code === undefined
    ? []
    : ['', ...code.split('\n').map((line) => (line === '' ? '' : `      ${line.replaceAll('\t', '    ')}`))];
}
