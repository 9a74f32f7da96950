import {
  type ElfSymbol,
  SHN_LORESERVE,
  SHN_UNDEF,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_SECTION,
} from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import type { GlobalType, Input } from './input.ts';
import { mapConflict } from './map-definition.ts';
import { type Agreed, type TypeRef, typeConflict } from './match.ts';
import type { Output, OutputSymbol, Placement, Placements } from './output.ts';
import type { LinkedTypes } from './types.ts';

/** A symbol that all objects share: defined, or only declared so far. */
export interface Global {
  readonly name: string;
  readonly symbol: OutputSymbol;
  /** The object that defines it, or the first to declare it. */
  file: string;
  /** The section that its variable or map is in, `.ksyms` and `.kconfig` included; none for functions and plain externs. */
  home: string | undefined;
  isExtern: boolean;
  isWeak: boolean;
  /** Of its `var` or `func` among the linked types; 0 until they are added. */
  typeId: number;
}

/** What an input's symbols became. */
export interface SymbolMap {
  /** By index in the input. What is missing is in a section that is not linked. */
  readonly symbols: ReadonlyMap<number, OutputSymbol>;
  /** Globals of which this input has the definition that counts so far. */
  readonly defined: ReadonlySet<Global>;
}

/** The DATASEC of externs that an object file, not the kernel, is to define. */
export const PLAIN_EXTERNS = '.extern';

/** Symbols of all objects: which of several definitions counts, and whether they agree. */
export class Symbols {
  readonly #output: Output;
  readonly #types: LinkedTypes;
  readonly #globals = new Map<string, Global>();
  /** What was found to agree between the input under way and those before. */
  readonly #agreed: Agreed = new Set();

  constructor(output: Output, types: LinkedTypes) {
    this.#output = output;
    this.#types = types;
  }

  find(name: string): Global | undefined {
    return this.#globals.get(name);
  }

  /** Throws ObjectError for two strong definitions of one symbol, and for types that do not agree. */
  add(input: Input, placements: Placements): SymbolMap {
    const symbols = new Map<number, OutputSymbol>();
    const defined = new Set<Global>();
    this.#agreed.clear();
    for (const symbol of input.elf.symbols.slice(1)) {
      const placement = placements.get(symbol.section);
      const isPlaced = symbol.section === SHN_UNDEF || symbol.section >= SHN_LORESERVE || placement !== undefined;
      if (!isPlaced) continue;
      if (symbol.bind !== STB_LOCAL) {
        const global = this.#resolve(symbol, placement, input, defined);
        symbols.set(symbol.index, global.symbol);
      } else if (symbol.type === STT_SECTION && placement !== undefined) {
        symbols.set(symbol.index, this.#output.sectionSymbol(placement.section));
      } else {
        symbols.set(symbol.index, this.#output.addSymbol(placed(symbol, placement)));
      }
    }
    return { symbols, defined };
  }

  /** The global that a symbol is or becomes; if it is the definition that counts, it is put among `defined`. */
  #resolve(symbol: ElfSymbol, placement: Placement | undefined, input: Input, defined: Set<Global>): Global {
    const type = input.globals.get(symbol.name);
    if (type === undefined)
      throw symbolError(input, symbol.name, 'is global, but the object has no BTF for it; compile with -g');
    const isExtern = placement === undefined;
    const isWeak = symbol.bind === STB_WEAK;
    const home = isExtern ? externHome(type) : placement.section.name;
    const known = this.#globals.get(symbol.name);
    if (known === undefined) {
      const made = this.#output.addSymbol(placed(symbol, placement));
      const global = { name: symbol.name, symbol: made, file: input.file, home, isExtern, isWeak, typeId: 0 };
      this.#globals.set(symbol.name, global);
      if (!isExtern) defined.add(global);
      return global;
    }
    if (!isExtern && !known.isExtern && !isWeak && !known.isWeak) {
      const way = 'make one of them static, weak or extern';
      throw symbolError(input, symbol.name, `is defined here and in ${known.file}; ${way}`);
    }
    this.#checkAgreement(known, { home, isExtern, type }, input);
    known.symbol.visibility = Math.max(known.symbol.visibility, symbol.visibility);
    if (!isWeak) {
      known.symbol.bind = STB_GLOBAL;
      known.isWeak = false;
    }
    if (!isExtern && (known.isExtern || !isWeak)) {
      const { section, value, size, type: kind } = placed(symbol, placement);
      Object.assign(known.symbol, { section, value, size, type: kind });
      Object.assign(known, { file: input.file, home, isExtern: false });
      defined.add(known);
    }
    return known;
  }

  /** Both have to be of one type; an extern also has to be where the other is. */
  #checkAgreement(
    known: Global,
    { home, isExtern, type }: { home: string | undefined; isExtern: boolean; type: GlobalType },
    input: Input,
  ): void {
    const isElsewhere = (isExtern && home !== undefined) || (known.isExtern && known.home !== undefined);
    if (isElsewhere && home !== known.home) {
      const places = `${home ?? 'no section'}, but in ${known.home ?? 'no section'} in ${known.file}`;
      throw symbolError(input, known.name, `is in ${places}`);
    }
    const mine: TypeRef = { types: this.#types.types, id: known.typeId };
    const theirs: TypeRef = { types: input.types, id: type.typeId };
    const differ = known.home === '.maps' ? mapConflict : typeConflict;
    const conflict = differ(mine, theirs, this.#agreed);
    if (conflict !== undefined)
      throw symbolError(input, known.name, `is not what it is in ${known.file}: ${conflict} (there and here)`);
  }
}

function placed(symbol: ElfSymbol, placement: Placement | undefined): OutputSymbol {
  const { name, size, type, bind, visibility } = symbol;
  const section = placement?.section ?? symbol.section;
  return { name, value: symbol.value + (placement?.offset ?? 0), size, type, bind, visibility, section };
}

function externHome({ datasec }: GlobalType): string | undefined {
  return datasec === PLAIN_EXTERNS ? undefined : datasec;
}

function symbolError({ file }: Input, name: string, what: string): ObjectError {
  return new ObjectError(`symbol ${name} ${what}`, { file });
}
