import { UsageError } from '../../errors.ts';
import { basename } from '../../loader/bpffs.ts';
import { load } from '../../loader/load.ts';
import { openProgram } from '../../loader/program.ts';
import type { FilterProgram } from '../../loader/tc-program.ts';
import { findProgram, tailCallSection } from '../../object/index.ts';
import type { Context } from '../command.ts';
import type { Words } from '../words.ts';
import { parseBytecode } from './bytecode.ts';
import { readObject, setGlobal } from './object-words.ts';
import { SHARE_USAGE, ShareWords } from './share-words.ts';

export const PROGRAM_USAGE = [
  '{obj FILE [sec SECTION | program NAME] [set NAME=VALUE]... |',
  `pinned PATH | bytecode TEXT | bytecode-file FILE} ${SHARE_USAGE} [verbose]`,
].join(' ');

/** What a filter's program is, or an action's; each with the section that tc looks for if none is named. */
const TYPES = { sched_cls: 'classifier', sched_act: 'action' } as const;
export type TcProgramType = keyof typeof TYPES;

/** The words by which a user says what a filter or an action runs, collected one after the other. */
export class ProgramWords {
  readonly #context: Context;
  readonly #type: TcProgramType;
  readonly #share: ShareWords;
  readonly #sets: string[] = [];
  #mode: { kind: 'obj' | 'pinned' | 'bytecode' | 'bytecode-file'; word: string } | undefined;
  #section: string | undefined;
  #program: string | undefined;
  #verbose = false;

  constructor(context: Context, type: TcProgramType) {
    this.#context = context;
    this.#type = type;
    this.#share = new ShareWords(context, 'tc');
  }

  /** Takes the next words if they say more of the program; false if not. */
  take(words: Words): boolean {
    if (this.#share.take(words)) return true;
    if (words.exact('set') !== undefined) this.#sets.push(words.next('NAME=VALUE'));
    else if (words.exact('program') !== undefined) this.#program = words.next('the name of the program');
    else if (words.keyword('section') !== undefined) this.#section = words.next('the name of the section');
    else if (words.keyword('verbose') !== undefined) this.#verbose = true;
    else return false;
    return true;
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
      case 'obj':
        this.#withObject(this.#mode.word, use);
    }
  }

  #withObject(file: string, use: (program: FilterProgram, name: string) => void): void {
    const object = readObject(this.#context, file);
    for (const word of this.#sets) setGlobal(object, word);
    const { spec } = object;
    const section = this.#section ?? TYPES[this.#type];
    const main = findProgram(spec, this.#program === undefined ? { section } : { name: this.#program });
    const arrays = new Set(spec.maps.filter((map) => map.type === 'prog_array').map((map) => map.id));
    const tails = spec.programs.filter((p) => p !== main && arrays.has(tailCallSection(p.section)?.id ?? -1));
    const options = {
      programs: [main, ...tails],
      type: this.#type,
      internalMaps: 'referenced' as const,
      ...this.#share.options(),
      logLevel: this.#verbose ? 2 : 0,
    };
    load(this.#context.kernel, object, options, (loaded) => {
      for (const warning of loaded.warnings) this.#context.note(`warning: ${warning}`);
      use(loaded.program(main), `${basename(file)}:[${main.section}]`);
    }).close();
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
