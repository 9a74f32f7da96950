/** One kind of rule that programs break: a row of the table in `violations/`. */
export interface Violation {
  /** Stable: it never changes its meaning and is never given again. */
  readonly code: `SKEP-V${number}`;
  /** What is wrong, in a few words: `a pointer that may be NULL is used`. */
  readonly title: string;
  /**
   * What the kernels say, as {@link compileWords} reads it: `R{reg} invalid mem access '{nullable}'`. The words of a newer kernel first. No sentence may
   * fit two rows.
   */
  readonly says: readonly string[];
  /** Remarks that stand before the last words and have more of the figures; tried one after the other. */
  readonly before?: readonly string[];
  /** Its words count even if others come after them, which only say what followed from it. */
  readonly decisive?: true;
  /** The sentence for this very case. What stands in braces comes from the kernel's words, and from {@link derivedParts}. */
  readonly what: string;
  /** The rule, and why there is one. */
  readonly why: string;
  /** How the path is followed back. */
  readonly trace?: TraceKind;
  readonly fix: string;
  /** C that is refused with this code, and what is not; whole functions. Both begin with {@link PRELUDE}. */
  readonly example?: Example;
}

export interface Example {
  readonly before: string;
  readonly after: string;
  /** Why the two are not loaded by the tests on a kernel: what else it would take. */
  readonly needs?: string;
}

export type TraceKind =
  /** Where the register comes from. */
  | 'origin'
  /** The number that was added to the register, and what was asked about it. */
  | 'bounds'
  /** The register is a length. */
  | 'size'
  | 'packet'
  | 'stack'
  | 'unwritten'
  /** What was acquired and not given back. */
  | 'reference'
  /** Where r0 comes from. */
  | 'result'
  /** The lock or region that is still held. */
  | 'region'
  /** What was followed most often. */
  | 'repeats';

/** What the parts in braces of {@link Violation.says} may be. */
// biome-ignore format: aligned table
const PARTS: Readonly<Record<string, string>> = {
  reg:      '\\d+',
  off:      '-?\\d+',
  size:     '-?\\d+',
  total:    '-?\\d+',
  insn:     '\\d+',
  target:   '-?\\d+',
  n:        '-?\\d+',
  m:        '-?\\d+',
  id:       '\\d+',
  type:     '\\w+',
  /** Of a pointer that may be NULL. */
  nullable: '\\w*_or_null\\w*',
  /** No number, and no pointer that may be NULL. */
  pointer:  '(?!scalar\\b|inv\\b|unknown\\b|\\w*or_null)\\w+',
  /** A pointer that is not to the stack. */
  place:    '(?!fp\\b)\\w+',
  /** How kernels call a register that holds a number; Linux < 5.18 says inv. */
  number:   'scalar|invP?|unknown value',
  helper:   '[\\w.]+',
  name:     "[^' ]*",
  op:       '\\S+',
  list:     '\\S.*',
  text:     '.*',
};
const PART = /\{(\w+)\}/g;

/** The expression for words with parts in braces. A part that comes twice is only read once. */
export function compileWords(words: string): RegExp {
  const seen = new Set<string>();
  let pattern = '';
  let at = 0;
  for (const match of words.matchAll(PART)) {
    const name = match[1] ?? '';
    const part = PARTS[name];
    if (part === undefined) throw new Error(`no part of a sentence is called ${name}`);
    pattern += escaped(words.slice(at, match.index)) + (seen.has(name) ? `(?:${part})` : `(?<${name}>${part})`);
    seen.add(name);
    at = match.index + match[0].length;
  }
  return new RegExp(`^${pattern}${escaped(words.slice(at))}$`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** A template with its named parts filled in; `undefined` if one of them is not known. */
export function fillIn(template: string, parts: Readonly<Record<string, string>>): string | undefined {
  let isWhole = true;
  const text = template.replace(PART, (_, name: string) => {
    const part = Object.hasOwn(parts, name) ? parts[name] : undefined;
    isWhole &&= part !== undefined;
    return part ?? '';
  });
  return isWhole ? text : undefined;
}
