import { concatBytes } from '../bytes/plain.ts';
import { roundUp } from '../bytes/round.ts';
import { UsageError } from '../errors.ts';
import * as C from './constants.ts';

/** What {@link writeElf} makes a file of. */
export interface ElfContents {
  /** The first is section 3 of the file, as {@link FIRST_SECTION} says. */
  readonly sections: readonly SectionContents[];
  /** In any order: the file has the local ones first. */
  readonly symbols: readonly SymbolContents[];
  /** Of each section that has any; they become a section `.relNAME`. */
  readonly relocations?: ReadonlyMap<SectionContents, readonly RelocationContents[]>;
}

export interface SectionContents {
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  /** SHF_*. */
  readonly flags: number;
  /** Bytes, a power of 2. */
  readonly align: number;
  /** Empty for NOBITS. */
  readonly data: Uint8Array;
  /** Bytes of a NOBITS section. */
  readonly size?: number;
  readonly entsize?: number;
}

export interface SymbolContents {
  readonly name: string;
  /** Bytes from the start of its section. */
  readonly value: number;
  readonly size: number;
  /** STT_*. */
  readonly type: number;
  /** STB_*. */
  readonly bind: number;
  /** STV_*. */
  readonly visibility: number;
  /** One of the sections, or SHN_UNDEF, SHN_ABS. */
  readonly section: SectionContents | number;
}

export interface RelocationContents {
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** R_BPF_*. */
  readonly type: number;
  /** One of the symbols. */
  readonly symbol: SymbolContents;
}

/** Section 0 is none, 1 the string table, 2 the symbol table. */
export const FIRST_SECTION = 3;
const STRTAB = 1;
const SYMTAB = 2;
const ALIGN = 8;

/** Writes a relocatable little-endian ELF64 file for BPF. Throws UsageError for more sections than a plain header can count. */
export function writeElf({ sections, symbols, relocations = new Map() }: ElfContents): Uint8Array {
  const strings = new Strings();
  const sectionIndex = new Map(sections.map((section, i) => [section, FIRST_SECTION + i]));
  const ordered = [...symbols.filter(isLocal), ...symbols.filter((symbol) => !isLocal(symbol))];
  const symbolIndex = new Map(ordered.map((symbol, i) => [symbol, 1 + i]));
  const headers: Header[] = sections.map((section) => ({
    ...section,
    link: 0,
    info: 0,
    entsize: section.entsize ?? 0,
  }));
  for (const section of sections) {
    const list = relocations.get(section) ?? [];
    if (list.length === 0) continue;
    headers.push({
      name: `.rel${section.name}`,
      type: C.SHT_REL,
      flags: C.SHF_INFO_LINK,
      align: ALIGN,
      data: relocationTable(list, symbolIndex),
      link: SYMTAB,
      info: sectionIndex.get(section) ?? 0,
      entsize: C.REL_SIZE,
    });
  }
  const symtab: Header = {
    name: '.symtab',
    type: C.SHT_SYMTAB,
    flags: 0,
    align: ALIGN,
    data: symbolTable(ordered, sectionIndex, strings),
    link: STRTAB,
    // One more than the last local symbol.
    info: 1 + symbols.filter(isLocal).length,
    entsize: C.SYM_SIZE,
  };
  const strtab = { name: '.strtab', type: C.SHT_STRTAB, flags: C.SHF_STRINGS, align: 1, link: 0, info: 0, entsize: 0 };
  for (const { name } of [strtab, symtab, ...headers]) strings.offset(name);
  return layOut([{ ...strtab, data: strings.bytes() }, symtab, ...headers], strings);
}

interface Header extends SectionContents {
  readonly link: number;
  readonly info: number;
  readonly entsize: number;
}

function isLocal({ bind }: SymbolContents): boolean {
  return bind === C.STB_LOCAL;
}

/** The file: its header, the sections one after another, the section headers. */
function layOut(sections: readonly Header[], strings: Strings): Uint8Array {
  const count = 1 + sections.length;
  if (count >= C.SHN_LORESERVE) throw new UsageError(`an object with ${count} sections cannot be written`);
  const table = new Uint8Array(count * C.SHDR_SIZE);
  const parts: Uint8Array[] = [];
  let offset = C.EHDR_SIZE;
  const append = (bytes: Uint8Array, align: number): number => {
    const at = roundUp(offset, align);
    parts.push(new Uint8Array(at - offset), bytes);
    offset = at + bytes.length;
    return at;
  };
  for (const [i, section] of sections.entries()) {
    // The header of section 0 stays zero.
    const view = new DataView(table.buffer, (1 + i) * C.SHDR_SIZE, C.SHDR_SIZE);
    view.setUint32(0, strings.offset(section.name), true);
    view.setUint32(4, section.type, true);
    view.setBigUint64(8, BigInt(section.flags), true);
    view.setBigUint64(24, BigInt(append(section.data, Math.max(section.align, 1))), true);
    view.setBigUint64(32, BigInt(section.type === C.SHT_NOBITS ? (section.size ?? 0) : section.data.length), true);
    view.setUint32(40, section.link, true);
    view.setUint32(44, section.info, true);
    view.setBigUint64(48, BigInt(section.align), true);
    view.setBigUint64(56, BigInt(section.entsize), true);
  }
  const tableAt = append(table, ALIGN);
  return concatBytes([fileHeader(tableAt, count), ...parts]);
}

function fileHeader(sectionTable: number, sectionCount: number): Uint8Array {
  const bytes = new Uint8Array(C.EHDR_SIZE);
  // Then version 1, System V.
  bytes.set([...C.MAGIC, C.ELFCLASS64, C.ELFDATA2LSB, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, C.ET_REL, true);
  view.setUint16(18, C.EM_BPF, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(40, BigInt(sectionTable), true);
  view.setUint16(52, C.EHDR_SIZE, true);
  view.setUint16(58, C.SHDR_SIZE, true);
  view.setUint16(60, sectionCount, true);
  view.setUint16(62, STRTAB, true);
  return bytes;
}

function symbolTable(
  symbols: readonly SymbolContents[],
  sections: ReadonlyMap<SectionContents, number>,
  strings: Strings,
): Uint8Array {
  const bytes = new Uint8Array((1 + symbols.length) * C.SYM_SIZE);
  for (const [i, symbol] of symbols.entries()) {
    const view = new DataView(bytes.buffer, (1 + i) * C.SYM_SIZE, C.SYM_SIZE);
    const section = typeof symbol.section === 'number' ? symbol.section : sections.get(symbol.section);
    if (section === undefined) throw new UsageError(`symbol ${symbol.name} is in a section that is not written`);
    view.setUint32(0, strings.offset(symbol.name), true);
    view.setUint8(4, (symbol.bind << 4) | symbol.type);
    view.setUint8(5, symbol.visibility);
    view.setUint16(6, section, true);
    view.setBigUint64(8, BigInt(symbol.value), true);
    view.setBigUint64(16, BigInt(symbol.size), true);
  }
  return bytes;
}

function relocationTable(
  relocations: readonly RelocationContents[],
  symbols: ReadonlyMap<SymbolContents, number>,
): Uint8Array {
  const bytes = new Uint8Array(relocations.length * C.REL_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [i, { offset, type, symbol }] of relocations.entries()) {
    const index = symbols.get(symbol);
    if (index === undefined) throw new UsageError(`a relocation names symbol ${symbol.name}, which is not written`);
    view.setBigUint64(i * C.REL_SIZE, BigInt(offset), true);
    view.setBigUint64(i * C.REL_SIZE + 8, (BigInt(index) << 32n) | BigInt(type), true);
  }
  return bytes;
}

/** A table of NUL-terminated strings, each once. */
class Strings {
  readonly #offsets = new Map<string, number>([['', 0]]);
  #length = 1;

  offset(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#length;
    this.#offsets.set(text, offset);
    this.#length += text.length + 1;
    return offset;
  }

  /** Latin-1, as names are read. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    for (const [text, offset] of this.#offsets) {
      for (let i = 0; i < text.length; i++) bytes[offset + i] = text.charCodeAt(i);
    }
    return bytes;
  }
}
