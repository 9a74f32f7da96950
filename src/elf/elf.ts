import { Cursor } from '../bytes/cursor.ts';
import { cString } from '../bytes/struct.ts';
import { ObjectError, type Place } from '../errors.ts';
import * as C from './constants.ts';

/** A relocatable ELF64 file, parsed. Section contents are views of the file's bytes. */
export interface ElfFile {
  readonly littleEndian: boolean;
  /** EM_*: 247 is BPF. */
  readonly machine: number;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
}

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  /** SHF_*. */
  readonly flags: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes; that of a NOBITS section takes no room in the file. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  /** Bytes; 0 and 1: anywhere. */
  readonly align: number;
  readonly entsize: number;
  /** Empty for NOBITS. */
  readonly data: Uint8Array;
}

export interface ElfSymbol {
  readonly index: number;
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
  /** Index of its section; SHN_UNDEF 0, SHN_ABS 0xfff1 and SHN_COMMON 0xfff2 are none. */
  readonly section: number;
}

export interface ElfRelocation {
  /** Bytes from the start of the section that is relocated. */
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
  /** SHT_RELA only; 0 for SHT_REL. */
  readonly addend: bigint;
}

/** Sections, and symbols, of one file at most. A real object has hundreds. */
const MAX_SECTIONS = 65536;
const MAX_SYMBOLS = 1 << 20;
/** Characters that all names of a file may have together, were each kept on its own: strings of a table may overlap, and so multiply. */
const MAX_NAMES = 1 << 22;

/** Reads an ELF64 relocatable file of either byte order. Throws ObjectError with section and offset if it is not one, or is damaged. */
export function parseElf(bytes: Uint8Array): ElfFile {
  const header = parseHeader(bytes);
  const sections = parseSections(bytes, header);
  return {
    littleEndian: header.littleEndian,
    machine: header.machine,
    sections,
    symbols: parseSymbols(sections, header.littleEndian),
  };
}

interface Header {
  readonly littleEndian: boolean;
  readonly machine: number;
  readonly sectionTable: number;
  readonly sectionCount: number;
  readonly nameSection: number;
}

function parseHeader(bytes: Uint8Array): Header {
  if (bytes.length < 4 || C.MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new ObjectError('this is no ELF file: it does not start with 7f 45 4c 46', { offset: 0 });
  }
  if (bytes.length < C.EHDR_SIZE) {
    throw new ObjectError(`the file ends within the ELF header: ${bytes.length} of ${C.EHDR_SIZE} bytes`, {
      offset: bytes.length,
    });
  }
  const [, , , , fileClass, order] = bytes;
  if (fileClass !== C.ELFCLASS64) throw new ObjectError('this is no 64-bit ELF file', { offset: 4 });
  if (order !== C.ELFDATA2LSB && order !== C.ELFDATA2MSB) {
    throw new ObjectError(`the byte order ${order} is neither 1 (little) nor 2 (big)`, { offset: 5 });
  }
  const cursor = new Cursor(bytes, order === C.ELFDATA2LSB);
  cursor.offset = 16;
  const type = cursor.u16();
  const machine = cursor.u16();
  if (type !== C.ET_REL)
    throw new ObjectError(`this is no relocatable object file: its type is ${type}, not 1`, { offset: 16 });
  cursor.offset = 40;
  const sectionTable = cursor.size();
  cursor.offset = 58;
  const entrySize = cursor.u16();
  const count = cursor.u16();
  const nameIndex = cursor.u16();
  if (sectionTable === 0) throw new ObjectError('the file has no section table', { offset: 40 });
  if (entrySize !== C.SHDR_SIZE)
    throw new ObjectError(`section headers of ${entrySize} bytes instead of ${C.SHDR_SIZE}`, { offset: 58 });
  if (sectionTable + Math.max(count, 1) * C.SHDR_SIZE > bytes.length) {
    throw new ObjectError(`the file has no room for its ${count} section headers`, { offset: sectionTable });
  }
  // With 65,280 sections or more the real numbers are in the first section header.
  const first = headerAt(bytes, cursor.littleEndian, sectionTable, 0);
  const sectionCount = count === 0 ? first.size : count;
  const nameSection = nameIndex === C.SHN_XINDEX ? first.link : nameIndex;
  if (sectionCount > MAX_SECTIONS || sectionTable + sectionCount * C.SHDR_SIZE > bytes.length) {
    throw new ObjectError(`the file has no room for its ${sectionCount} section headers`, { offset: sectionTable });
  }
  return { littleEndian: cursor.littleEndian, machine, sectionTable, sectionCount, nameSection };
}

function headerAt(bytes: Uint8Array, littleEndian: boolean, table: number, index: number) {
  const cursor = new Cursor(bytes, littleEndian);
  cursor.offset = table + index * C.SHDR_SIZE;
  const name = cursor.u32();
  const type = cursor.u32();
  const flags = Number(cursor.u64() & 0xffffffffn);
  cursor.offset += 8; // the address: meaningless in a relocatable file
  const offset = cursor.size();
  const size = cursor.size();
  const link = cursor.u32();
  const info = cursor.u32();
  const align = cursor.size();
  const entsize = cursor.size();
  return { name, type, flags, offset, size, link, info, align, entsize };
}

function parseSections(bytes: Uint8Array, header: Header): ElfSection[] {
  const raw = Array.from({ length: header.sectionCount }, (_, index) =>
    headerAt(bytes, header.littleEndian, header.sectionTable, index),
  );
  const names = raw[header.nameSection];
  if (names === undefined || names.type !== C.SHT_STRTAB) {
    throw new ObjectError(`section ${header.nameSection} should hold the section names, but is no string table`, {
      offset: 62,
    });
  }
  const nameTable = new StringTable(contents(bytes, names, { section: `#${header.nameSection}` }));
  const sections = raw.map((section, index): ElfSection => {
    const name = nameTable.at(section.name, { section: `#${index}` });
    const data =
      section.type === C.SHT_NULL || section.type === C.SHT_NOBITS
        ? new Uint8Array(0)
        : contents(bytes, section, { section: name === '' ? `#${index}` : name });
    return { ...section, index, name, data };
  });
  checkOverlaps(sections);
  return sections;
}

function contents(bytes: Uint8Array, { offset, size }: { offset: number; size: number }, place: Place): Uint8Array {
  if (offset + size > bytes.length) {
    throw new ObjectError(
      `its ${size} bytes from file offset 0x${offset.toString(16)} on reach past the end of the file (${bytes.length} bytes)`,
      place,
    );
  }
  return bytes.subarray(offset, offset + size);
}

/** No tool makes sections that share bytes; code that could be changed through a data section is not to be trusted. */
function checkOverlaps(sections: readonly ElfSection[]): void {
  const filled = sections.filter((section) => section.data.length > 0).sort((a, b) => a.offset - b.offset);
  for (const [i, section] of filled.entries()) {
    const next = filled[i + 1];
    if (next !== undefined && section.offset + section.size > next.offset) {
      throw new ObjectError(`it overlaps with section ${next.name} at file offset 0x${next.offset.toString(16)}`, {
        section: section.name,
      });
    }
  }
}

/** NUL-terminated strings by their offset, each decoded once. */
class StringTable {
  readonly #bytes: Uint8Array;
  readonly #known = new Map<number, string>();
  #room = MAX_NAMES;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  at(offset: number, place: Place): string {
    const known = this.#known.get(offset);
    if (known !== undefined) return known;
    const end = this.#bytes.indexOf(0, offset);
    if (end < 0 && !(offset === 0 && this.#bytes.length === 0)) {
      throw new ObjectError(
        `its name at 0x${offset.toString(16)} of the string table does not end within the table`,
        place,
      );
    }
    this.#room -= Math.max(0, end - offset);
    if (this.#room < 0)
      throw new ObjectError(`the names of the file have more than ${MAX_NAMES} characters together`, place);
    const text = cString(this.#bytes.subarray(offset));
    this.#known.set(offset, text);
    return text;
  }
}

function parseSymbols(sections: readonly ElfSection[], littleEndian: boolean): ElfSymbol[] {
  const tables = sections.filter((section) => section.type === C.SHT_SYMTAB);
  const [table] = tables;
  if (table === undefined) return [];
  const place = { section: table.name };
  if (tables.length > 1) throw new ObjectError('the file has two symbol tables', place);
  const names = sections[table.link];
  if (names?.type !== C.SHT_STRTAB)
    throw new ObjectError(`its names are in section ${table.link}, which is no string table`, place);
  if (table.entsize !== C.SYM_SIZE || table.size % C.SYM_SIZE !== 0 || table.size / C.SYM_SIZE > MAX_SYMBOLS) {
    throw new ObjectError(`${table.size} bytes with entries of ${table.entsize} are no table of symbols`, place);
  }
  const extended = sections.find((section) => section.type === C.SHT_SYMTAB_SHNDX && section.link === table.index);
  const indexes = extended && new Cursor(extended.data, littleEndian, { section: extended.name });
  const cursor = new Cursor(table.data, littleEndian, place);
  const strings = new StringTable(names.data);
  return Array.from({ length: table.size / C.SYM_SIZE }, (_, index): ElfSymbol => {
    const at = cursor.offset;
    const name = strings.at(cursor.u32(), { ...place, offset: at });
    const info = cursor.u8();
    const other = cursor.u8();
    let section = cursor.u16();
    if (section === C.SHN_XINDEX && indexes !== undefined) {
      indexes.offset = 4 * index;
      section = indexes.u32();
    }
    if (section < C.SHN_LORESERVE && section >= sections.length) {
      throw new ObjectError(`symbol ${name || `#${index}`} is in section ${section}, which does not exist`, {
        ...place,
        offset: at,
      });
    }
    return {
      index,
      name,
      value: cursor.size(),
      size: cursor.size(),
      type: info & 15,
      bind: info >> 4,
      visibility: other & 3,
      section,
    };
  });
}

/** The relocations in a SHT_REL or SHT_RELA section. */
export function parseRelocations(elf: ElfFile, section: ElfSection): ElfRelocation[] {
  const place = { section: section.name };
  const rela = section.type === C.SHT_RELA;
  const entry = rela ? C.RELA_SIZE : C.REL_SIZE;
  if (section.entsize !== entry || section.size % entry !== 0) {
    throw new ObjectError(
      `${section.size} bytes with entries of ${section.entsize} are no table of relocations`,
      place,
    );
  }
  const cursor = new Cursor(section.data, elf.littleEndian, place);
  return Array.from({ length: section.size / entry }, (): ElfRelocation => {
    const at = cursor.offset;
    const offset = cursor.size();
    const info = cursor.u64();
    const addend = rela ? cursor.i64() : 0n;
    const index = Number(info >> 32n);
    const symbol = elf.symbols[index];
    if (symbol === undefined)
      throw new ObjectError(`it names symbol ${index}, of which there are only ${elf.symbols.length}`, {
        ...place,
        offset: at,
      });
    return { offset, type: Number(info & 0xffffffffn), symbol, addend };
  });
}
