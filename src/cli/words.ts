import { UsageError } from '../errors.ts';

/**
 * The words of a command line, taken from left to right. Keywords match as in tc and bpftool: the word typed must be a prefix of the keyword, and
 * of several keywords the first that matches wins.
 */
export class Words {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get done(): boolean {
    return this.#at >= this.#words.length;
  }

  peek(): string | undefined {
    return this.#words[this.#at];
  }

  /** The next word, taken. `what` names it if it is missing: `the map's key`. */
  next(what: string): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw new UsageError(`${what} is missing at the end of the command`);
    this.#at++;
    return word;
  }

  /** Takes the next word if it is (a prefix of) one of `keywords`; returns the whole keyword. */
  keyword<K extends string>(...keywords: readonly K[]): K | undefined {
    const word = this.peek();
    const found = word === undefined || word === '' ? undefined : keywords.find((keyword) => keyword.startsWith(word));
    if (found !== undefined) this.#at++;
    return found;
  }

  /** As {@link Words.keyword}, but no abbreviation is accepted. */
  exact<K extends string>(...keywords: readonly K[]): K | undefined {
    const found = keywords.find((keyword) => keyword === this.peek());
    if (found !== undefined) this.#at++;
    return found;
  }

  /** The next word must be (a prefix of) one of `keywords`. */
  expect<K extends string>(...keywords: readonly K[]): K {
    const found = this.keyword(...keywords);
    if (found !== undefined) return found;
    const word = this.peek();
    throw new UsageError(
      `${keywords.map((k) => `'${k}'`).join(' or ')} expected${word === undefined ? ' at the end of the command' : `, got '${word}'`}`,
    );
  }

  /** A whole number, decimal, 0x… or 0…, as C's strtoul with base 0. */
  number(what: string, min = 0, max = 0xffffffff): number {
    return parseNumber(this.next(what), what, min, max);
  }

  /** The words that are left, taken. */
  rest(): string[] {
    const rest = this.#words.slice(this.#at);
    this.#at = this.#words.length;
    return rest;
  }

  /** Throws if a word is left: a command that does not understand a word must not run. */
  end(): void {
    const word = this.peek();
    if (word !== undefined) throw new UsageError(`what is '${word}'?`);
  }
}

/** Throws UsageError unless `text` is a C integer literal between `min` and `max`. */
export function parseNumber(text: string, what: string, min = 0, max = 0xffffffff): number {
  const octal = /^0[0-7]+$/.test(text);
  const n = octal ? Number.parseInt(text, 8) : /^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(n)) throw new UsageError(`${what}: '${text}' is no number`);
  if (n < min || n > max) throw new UsageError(`${what}: ${text} is not between ${min} and ${max}`);
  return n;
}
