import { ObjectError } from '../errors.ts';

const BLANKS = /\s*/y;
const WORD = /[A-Za-z_.$][\w.$@]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|\d+/y;
/** Digits of a number that are worth reading: more than any 64-bit number has. */
const MAX_DIGITS = 40;
/** Characters of a name. Names of C++ functions are long. */
const MAX_NAME = 4096;

/**
 * One line of an assembly text, read from left to right. Blanks before a token do not matter. What does not fit is an ObjectError that says where
 * and what was expected.
 */
export class AssemblyLine {
  /** 1 for the first. */
  readonly number: number;
  readonly #text: string;
  #at = 0;

  /** `text` without comments. */
  constructor(text: string, number: number) {
    this.#text = text;
    this.number = number;
  }

  /** Of the next token; 1 for the first character. */
  get column(): number {
    this.#skipBlanks();
    return this.#at + 1;
  }

  get done(): boolean {
    return this.column > this.#text.length;
  }

  /** Takes `token` if it is next. */
  take(token: string): boolean {
    this.#skipBlanks();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  /** Takes all of `tokens`, or fails at the first that is not there. */
  expect(...tokens: readonly string[]): void {
    for (const token of tokens) if (!this.take(token)) this.fail(`'${token}'`);
  }

  /** Takes what `pattern` matches here; it must be sticky. `undefined`, and nothing is taken: it does not. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    this.#skipBlanks();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at = pattern.lastIndex;
    return found;
  }

  /** A name, whole: letters, digits, `_`, `.`, `$`, `@`. `undefined`, and nothing is taken: there is none. */
  word(): string | undefined {
    const { column } = this;
    const word = this.match(WORD)?.[0];
    if (word !== undefined && word.length > MAX_NAME)
      this.failAt(column, `a name of ${word.length} characters is too long`);
    return word;
  }

  /** Takes the next word if it is `word` and no longer. */
  takeWord(word: string): boolean {
    const start = this.#at;
    if (this.word() === word) return true;
    this.#at = start;
    return false;
  }

  /** Goes back to where `column` was read. */
  rewind(column: number): void {
    this.#at = column - 1;
  }

  /** A whole number, decimal or 0x…, with or without a sign (blanks after it do not matter), from `min` to `max`. `what` was expected. */
  integer(what: string, min: bigint, max: bigint): bigint {
    const column = this.column;
    const negative = this.take('-');
    if (!negative) this.take('+');
    const digits = this.match(NUMBER)?.[0];
    if (digits === undefined) {
      this.rewind(column);
      return this.fail(what);
    }
    if (digits.length > MAX_DIGITS) this.failAt(column, `a number of ${digits.length} characters is too large`);
    const value = negative ? -BigInt(digits) : BigInt(digits);
    if (value < min || value > max) this.failAt(column, `${value} is not from ${min} to ${max}`);
    return value;
  }

  /** The line must be at its end. */
  end(): void {
    if (!this.done) this.fail('the end of the line');
  }

  /** `expected` was not found here. */
  fail(expected: string): never {
    const column = this.column;
    const rest = this.#text.slice(this.#at, this.#at + 20);
    this.failAt(column, `${expected} expected, got ${rest === '' ? 'the end of the line' : `'${rest}'`}`);
  }

  /** Something is wrong with what starts at `column`. */
  failAt(column: number, problem: string): never {
    throw new ObjectError(`line ${this.number}, column ${column}: ${problem}`);
  }

  #skipBlanks(): void {
    BLANKS.lastIndex = this.#at;
    BLANKS.exec(this.#text);
    this.#at = BLANKS.lastIndex;
  }
}
