import type { Cursor } from '../bytes/cursor.ts';
import { ObjectError } from '../errors.ts';
import { type Binary, type BinarySection, cursorOf, readBinary } from './binary.ts';
import * as C from './constants.ts';

const SHT_DYNSYM = 11;
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

/**
 * Where in the file a function of an executable or a shared library starts: the offset that a uprobe wants. Bytes from the start of the file. Of
 * several functions of that name global ones count more than local ones, and default versions more than older ones; `FUNC@VERSION` or `FUNC@@VERSION` is the
 * one of that version.
 *
 * Throws ObjectError if the bytes are no such file, or it has no such function.
 */
export function functionOffset(bytes: Uint8Array, name: string): number {
  const [func = '', version] = name.split(/@@?(.*)/s);
  const binary = readBinary(bytes);
  const number = version === undefined ? undefined : versionNumber(binary, version);
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
    for (const symbol of functionsOf(binary, type)) {
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
  const binary = readBinary(bytes);
  // The table for the linker has all; a stripped file has only the other.
  for (const type of [C.SHT_SYMTAB, SHT_DYNSYM]) {
    const found: number[] = [];
    for (const { text, offset, indirect } of functionsOf(binary, type)) {
      if (!indirect && fits(textAt(bytes, text))) found.push(offset);
    }
    if (found.length > 0) return found;
  }
  return [];
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
function* functionsOf({ bytes, sections }: Binary, tableType: number): Generator<FunctionSymbol> {
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

function versionOf(cursor: Cursor, versions: BinarySection | undefined, symbol: number): number {
  if (versions === undefined || 2 * symbol + 2 > versions.size) return 0;
  cursor.offset = versions.offset + 2 * symbol;
  return cursor.u16();
}

/** The number that a library gives a version. */
function versionNumber({ bytes, sections }: Binary, version: string): number | undefined {
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
