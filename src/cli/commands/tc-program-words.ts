import { UsageError } from '../../errors.ts';
import { basename } from '../../loader/bpffs.ts';
import { openProgram } from '../../loader/program.ts';
import type { FilterProgram } from '../../loader/tc-program.ts';
import type { Context } from '../command.ts';
import type { Words } from '../words.ts';
import { parseBytecode } from './bytecode.ts';
import { SHARE_USAGE } from './share-words.ts';
import { TcObjectWords } from './tc-object.ts';

export const PROGRAM_USAGE = [
  '{obj FILE [sec SECTION | program NAME] [set NAME=VALUE]... |',
  `pinned PATH | bytecode TEXT | bytecode-file FILE} ${SHARE_USAGE} [export UDS] [verbose]`,
].join(' ');

/** What a filter's program is, or an action's; each with the section that tc looks for if none is named. */
const TYPES = { sched_cls: 'classifier', sched_act: 'action' } as const;
export type TcProgramType = keyof typeof TYPES;

/** The words by which a user says what a filter or an action runs, collected one after the other. */
export class ProgramWords {
  readonly #context: Context;
  readonly #type: TcProgramType;
  readonly #object: TcObjectWords;
  #mode: { kind: 'obj' | 'pinned' | 'bytecode' | 'bytecode-file'; word: string } | undefined;

  constructor(context: Context, type: TcProgramType) {
    this.#context = context;
    this.#type = type;
    this.#object = new TcObjectWords(context);
  }

  /** Takes the next words if they say more of the program; false if not. */
  take(words: Words): boolean {
    return this.#object.take(words);
  }

  /** Takes the words that say which program is meant. Throws UsageError if they do not. */
  takeMode(words: Words): void {
    if (this.#mode !== undefined) words.end();
    this.#mode = mode(words);
  }

  /**
   * Loads the program and hands it to `use` with the name that lists are to show. What was loaded for a `use` that fails is gone with its handles,
   * and so are its new pins.
   */
  with(use: (program: FilterProgram, name?: string) => void): void {
    const { kernel, readFile } = this.#context;
    switch (this.#mode?.kind) {
      case undefined:
        throw new UsageError('the program is missing: obj FILE, pinned PATH, bytecode TEXT or bytecode-file FILE');
      case 'bytecode':
        use({ classic: parseBytecode(this.#mode.word) });
        return;
      case 'bytecode-file':
        use({ classic: parseBytecode(new TextDecoder().decode(readFile(this.#mode.word))) });
        return;
      case 'pinned': {
        using program = openProgram(kernel, { pinned: this.#mode.word });
        use(program, `${basename(this.#mode.word)}:[*fsobj]`);
        return;
      }
      case 'obj': {
        const file = this.#mode.word;
        this.#object.load(file, this.#type, TYPES[this.#type], (program, { section }) =>
          use(program, `${basename(file)}:[${section}]`),
        );
      }
    }
  }
}

function mode(words: Words): { kind: 'obj' | 'pinned' | 'bytecode' | 'bytecode-file'; word: string } {
  if (words.exact('obj') !== undefined || words.exact('object') !== undefined)
    return { kind: 'obj', word: words.next('the object file') };
  if (words.exact('bc') !== undefined) return { kind: 'bytecode', word: words.next('the bytecode') };
  if (words.exact('bcf') !== undefined) return { kind: 'bytecode-file', word: words.next('the bytecode file') };
  switch (words.keyword('bytecode', 'bytecode-file', 'object-file', 'object-pinned', 'pinned', 'fd')) {
    case 'bytecode':
      return { kind: 'bytecode', word: words.next('the bytecode') };
    case 'bytecode-file':
      return { kind: 'bytecode-file', word: words.next('the bytecode file') };
    case 'object-file':
      return { kind: 'obj', word: words.next('the object file') };
    case 'object-pinned':
    case 'pinned':
    case 'fd':
      return { kind: 'pinned', word: words.next('the path of the pinned program') };
    default:
      throw new UsageError(
        `what mode is '${words.peek()}'? obj FILE, pinned PATH, bytecode TEXT or bytecode-file FILE is expected`,
      );
  }
}
