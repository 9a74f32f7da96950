import { roundUp } from '../bytes/round.ts';
import {
  type ElfSection,
  type RelocationContents,
  type SectionContents,
  SHT_NOBITS,
  STT_SECTION,
  type SymbolContents,
  writeElf,
} from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import type { Input } from './input.ts';

/** A section of the linked object while it grows. */
export interface OutputSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly entsize: number;
  /** The object that it came with, for messages. */
  readonly file: string;
  align: number;
  size: number;
  readonly parts: { readonly offset: number; readonly data: Uint8Array }[];
  readonly relocations: { readonly offset: number; readonly type: number; readonly symbol: OutputSymbol }[];
  /** The symbol that stands for the section. */
  symbol: OutputSymbol | undefined;
}

/** A symbol of the linked object; a definition may still replace a declaration, or a weak definition. */
export interface OutputSymbol {
  readonly name: string;
  value: number;
  size: number;
  type: number;
  bind: number;
  visibility: number;
  section: OutputSection | number;
}

/** Where a section of an input went. */
export interface Placement {
  readonly section: OutputSection;
  /** Bytes. */
  readonly offset: number;
  /** Its own copy of the content, to be changed in place; empty for NOBITS. */
  readonly data: Uint8Array;
}

/** By index of the section in its input. What is missing is not linked. */
export type Placements = ReadonlyMap<number, Placement>;

/** Sections that every object may have and of which one is enough. */
const KEPT_ONCE = new Set(['license', 'version']);
const MAX_SIZE = 0xffffffff;

/** The linked object: sections of one name become one. */
export class Output {
  readonly #sections = new Map<string, OutputSection>();
  readonly #symbols: OutputSymbol[] = [];

  /** Appends the sections of an input. Throws ObjectError for sections of one name that do not go together. */
  place(input: Input): Placements {
    const placements = new Map<number, Placement>();
    for (const section of input.sections) {
      const known = this.#sections.get(section.name);
      if (known !== undefined) checkAgreement(known, section);
      if (known !== undefined && KEPT_ONCE.has(section.name)) checkSameContent(known, section);
      else placements.set(section.index, append(known ?? this.#create(section, input.file), section));
    }
    return placements;
  }

  addSymbol(symbol: OutputSymbol): OutputSymbol {
    this.#symbols.push(symbol);
    return symbol;
  }

  /** The one symbol that stands for a section. */
  sectionSymbol(section: OutputSection): OutputSymbol {
    section.symbol ??= this.addSymbol({
      name: '',
      value: 0,
      size: 0,
      type: STT_SECTION,
      bind: 0,
      visibility: 0,
      section,
    });
    return section.symbol;
  }

  section(name: string): OutputSection | undefined {
    return this.#sections.get(name);
  }

  /** The file; `extra` are sections that nothing else refers to. */
  write(extra: readonly SectionContents[]): Uint8Array {
    const sections = new Map<OutputSection, SectionContents>();
    for (const section of this.#sections.values()) sections.set(section, { ...section, data: assemble(section) });
    const symbols = new Map<OutputSymbol, SymbolContents>();
    for (const symbol of this.#symbols)
      symbols.set(symbol, {
        ...symbol,
        section: typeof symbol.section === 'number' ? symbol.section : found(symbol.section, sections),
      });
    const relocations = new Map<SectionContents, RelocationContents[]>();
    for (const [section, contents] of sections) {
      const list = section.relocations.map((relocation) => ({
        ...relocation,
        symbol: found(relocation.symbol, symbols),
      }));
      relocations.set(contents, list);
    }
    return writeElf({ sections: [...sections.values(), ...extra], symbols: [...symbols.values()], relocations });
  }

  #create({ name, type, flags, entsize }: ElfSection, file: string): OutputSection {
    const section: OutputSection = {
      name,
      type,
      flags,
      entsize,
      file,
      align: 1,
      size: 0,
      parts: [],
      relocations: [],
      symbol: undefined,
    };
    this.#sections.set(name, section);
    return section;
  }
}

function append(section: OutputSection, { type, size, align, data }: ElfSection): Placement {
  const offset = roundUp(section.size, Math.max(section.align, align, 1));
  if (offset + size > MAX_SIZE)
    throw new ObjectError(`with its ${size} bytes it would have more than ${MAX_SIZE}`, { section: section.name });
  const copy = type === SHT_NOBITS ? new Uint8Array(0) : data.slice();
  section.parts.push({ offset, data: copy });
  section.align = Math.max(section.align, align);
  section.size = offset + size;
  return { section, offset, data: copy };
}

function assemble({ type, size, parts }: OutputSection): Uint8Array {
  if (type === SHT_NOBITS) return new Uint8Array(0);
  const bytes = new Uint8Array(size);
  for (const { offset, data } of parts) bytes.set(data, offset);
  return bytes;
}

function checkAgreement(known: OutputSection, section: ElfSection): void {
  for (const field of ['type', 'flags', 'entsize'] as const) {
    if (known[field] !== section[field])
      throw new ObjectError(`${field} ${section[field]} does not go with ${field} ${known[field]} in ${known.file}`, {
        section: section.name,
      });
  }
}

function checkSameContent(known: OutputSection, { name, data }: ElfSection): void {
  if (known.size !== data.length || assemble(known).some((byte, i) => byte !== data[i]))
    throw new ObjectError(`its content is not that of ${known.file}; a ${name} must be the same everywhere`, {
      section: name,
    });
}

/** What was made of a part of the output. All of them were. */
function found<K, V>(key: K, made: ReadonlyMap<K, V>): V {
  const value = made.get(key);
  if (value === undefined) throw new ObjectError('a symbol or section was lost while linking');
  return value;
}
