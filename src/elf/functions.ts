import { Cursor } from '../bytes/cursor.ts';
import { ObjectError } from '../errors.ts';
import * as C from './constants.ts';

const SHT_DYNSYM = 11;
const ET_EXEC = 2;
const ET_DYN = 3;
/** Symbols of one file that are looked at. */
const MAX_SYMBOLS = 1 << 22;
const STT_GNU_IFUNC = 10;
/** The bit of a symbol's version number that says that it is not the default one. */
const VERSION_HIDDEN = 0x8000;
const SHT_GNU_VERDEF = 0x6ffffffd;
const SHT_GNU_VERSYM = 0x6fffffff;
/** Versions that a library defines; glibc has some forty. */
const MAX_VERSIONS = 1 << 12;
/** Bytes of a name that are looked at. */
const MAX_NAME = 1 << 12;

interface Section {
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/**
 * Where in the file a function of an executable or a shared library starts: the offset that a uprobe wants. Bytes from the start of the file. Of
 * several functions of that name global ones count more than local ones, and default versions more than older ones; `FUNC@VERSION` or `FUNC@@VERSION` is the
 * one of that version.
 *
 * Throws ObjectError if the bytes are no such file, or it has no such function.
 */
export function functionOffset(bytes: Uint8Array, name: string): number {
  const [func = '', version] = name.split(/@@?(.*)/s);
  const sections = readSections(bytes);
  const number = version === undefined ? undefined : versionNumber(bytes, sections, version);
  const isNamed = (end: string) => {
    const wanted = new TextEncoder().encode(`${func}${end}`);
    return (text: number) => wanted.every((byte, i) => bytes[text + i] === byte);
  };
  const named = [isNamed('\0'), isNamed('@')];
  // The table for the linker has the version in the name.
  const versioned = [isNamed(`@${version}\0`), isNamed(`@@${version}\0`)];
  let best: { readonly offset: number; readonly rank: number } | undefined;
  for (const type of [SHT_DYNSYM, C.SHT_SYMTAB]) {
    const inNames = version !== undefined && type === C.SHT_SYMTAB;
    for (const symbol of functionsOf(bytes, sections, type)) {
      if (!(inNames ? versioned : named).some((fits) => fits(symbol.text))) continue;
      if (version !== undefined && !inNames && (symbol.version & ~VERSION_HIDDEN) !== number) continue;
      const rank = (symbol.global ? 2 : 0) + (symbol.version >= VERSION_HIDDEN ? 0 : 1);
      if (best === undefined || rank > best.rank) best = { offset: symbol.offset, rank };
    }
  }
  if (best !== undefined) return best.offset;
  throw new ObjectError(`it has no function ${name} in its symbol tables`);
}

/**
 * As {@link functionOffset}, of all functions whose name fits, in the order of the file's symbol table; one that has several names is there as often. Functions that are
 * chosen when the program starts (ifunc) are not among them.
 */
export function functionOffsets(bytes: Uint8Array, fits: (name: string) => boolean): number[] {
  const sections = readSections(bytes);
  // The table for the linker has all; a stripped file has only the other.
  for (const type of [C.SHT_SYMTAB, SHT_DYNSYM]) {
    const found: number[] = [];
    for (const { text, offset, indirect } of functionsOf(bytes, sections, type)) {
      if (!indirect && fits(textAt(bytes, text))) found.push(offset);
    }
    if (found.length > 0) return found;
  }
  return [];
}

function readSections(bytes: Uint8Array): Section[] {
  if (bytes.length < C.EHDR_SIZE || C.MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new ObjectError('this is no ELF file: it does not start with 7f 45 4c 46', { offset: 0 });
  }
  if (bytes[4] !== C.ELFCLASS64) throw new ObjectError('this is no 64-bit ELF file', { offset: 4 });
  const cursor = cursorOf(bytes);
  cursor.offset = 16;
  const type = cursor.u16();
  if (type !== ET_EXEC && type !== ET_DYN) {
    throw new ObjectError(`this is no executable and no shared library: its type is ${type}`, { offset: 16 });
  }
  cursor.offset = 40;
  const at = cursor.size();
  cursor.offset = 60;
  const count = cursor.u16();
  if (at + count * C.SHDR_SIZE > bytes.length) {
    throw new ObjectError(`the file has no room for its ${count} section headers`, { offset: 40 });
  }
  return Array.from({ length: count }, (_, i) => {
    cursor.offset = at + i * C.SHDR_SIZE + 4;
    const sectionType = cursor.u32();
    cursor.offset += 8; // flags
    const [address, offset, size] = [cursor.size(), cursor.size(), cursor.size()];
    return { type: sectionType, address, offset, size, link: cursor.u32() };
  });
}

interface FunctionSymbol {
  /** Where its name is. Bytes from the start of the file. */
  readonly text: number;
  readonly offset: number;
  readonly global: boolean;
  readonly indirect: boolean;
  /** As the file numbers them; 0 where it has none. */
  readonly version: number;
}

/** The functions that the file's table of symbols of one type defines. */
function* functionsOf(bytes: Uint8Array, sections: readonly Section[], tableType: number): Generator<FunctionSymbol> {
  const table = sections.find(({ type }) => type === tableType);
  const strings = sections[table?.link ?? 0];
  if (table === undefined || strings === undefined || table.offset + table.size > bytes.length) return;
  const versions = tableType === SHT_DYNSYM ? sections.find(({ type }) => type === SHT_GNU_VERSYM) : undefined;
  const cursor = cursorOf(bytes);
  const count = Math.min(Math.floor(table.size / C.SYM_SIZE), MAX_SYMBOLS);
  for (let i = 0; i < count; i++) {
    cursor.offset = table.offset + i * C.SYM_SIZE;
    const text = strings.offset + cursor.u32();
    const info = cursor.u8();
    const type = info & 15;
    if (type !== C.STT_FUNC && type !== STT_GNU_IFUNC) continue;
    cursor.offset += 1;
    const section = sections[cursor.u16()];
    const value = cursor.size();
    // An undefined symbol is somebody else's function.
    if (section === undefined || section.type === C.SHT_NULL) continue;
    const offset = value - section.address + section.offset;
    if (offset < 0 || offset >= bytes.length) continue;
    const version = versionOf(cursor, versions, i);
    yield { text, offset, global: info >> 4 !== C.STB_LOCAL, indirect: type === STT_GNU_IFUNC, version };
  }
}

function versionOf(cursor: Cursor, versions: Section | undefined, symbol: number): number {
  if (versions === undefined || 2 * symbol + 2 > versions.size) return 0;
  cursor.offset = versions.offset + 2 * symbol;
  return cursor.u16();
}

/** The number that a library gives a version. */
function versionNumber(bytes: Uint8Array, sections: readonly Section[], version: string): number | undefined {
  const definitions = sections.find(({ type }) => type === SHT_GNU_VERDEF);
  const strings = sections[definitions?.link ?? 0];
  if (definitions === undefined || strings === undefined) return undefined;
  const cursor = cursorOf(bytes);
  let at = definitions.offset;
  for (let i = 0; i < MAX_VERSIONS; i++) {
    // struct Elf64_Verdef: u16 version, flags, number, count; u32 hash, aux, next. Its first Elf64_Verdaux begins with the name.
    cursor.offset = at + 4;
    const number = cursor.u16();
    cursor.offset = at + 12;
    const [aux, next] = [cursor.u32(), cursor.u32()];
    cursor.offset = at + aux;
    if (textAt(bytes, strings.offset + cursor.u32()) === version) return number;
    if (next === 0) return undefined;
    at += next;
  }
  return undefined;
}

function textAt(bytes: Uint8Array, at: number): string {
  const room = bytes.subarray(at, at + MAX_NAME);
  const end = room.indexOf(0);
  return new TextDecoder().decode(end < 0 ? room : room.subarray(0, end));
}

function cursorOf(bytes: Uint8Array): Cursor {
  return new Cursor(bytes, bytes[5] !== C.ELFDATA2MSB);
}
