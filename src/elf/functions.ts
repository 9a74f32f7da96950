import { Cursor } from '../bytes/cursor.ts';
import { ObjectError } from '../errors.ts';
import * as C from './constants.ts';

const SHT_DYNSYM = 11;
const ET_EXEC = 2;
const ET_DYN = 3;
/** Symbols of one file that are looked at. */
const MAX_SYMBOLS = 1 << 22;
const STT_GNU_IFUNC = 10;
/** The bit of a version's number that says that it is not the default one. */
const VERSION_HIDDEN = 0x8000;
const SHT_GNU_VERSYM = 0x6fffffff;

interface Section {
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/**
 * Where in the file a function of an executable or a shared library starts: the offset that a uprobe wants. Bytes from the start of the file. Of
 * several functions of that name global ones count more than local ones, and default versions more than older ones.
 *
 * Throws ObjectError if the bytes are no such file, or it has no such function.
 */
export function functionOffset(bytes: Uint8Array, name: string): number {
  const sections = readSections(bytes);
  let best: { readonly offset: number; readonly rank: number } | undefined;
  for (const table of sections) {
    if (table.type !== SHT_DYNSYM && table.type !== C.SHT_SYMTAB) continue;
    const versions =
      table.type === SHT_DYNSYM ? sections.find((section) => section.type === SHT_GNU_VERSYM) : undefined;
    for (const found of symbolsNamed(bytes, sections, table, versions, name)) {
      if (best === undefined || found.rank > best.rank) best = found;
    }
  }
  if (best !== undefined) return best.offset;
  throw new ObjectError(`it has no function ${name} in its symbol tables`);
}

function readSections(bytes: Uint8Array): Section[] {
  if (bytes.length < C.EHDR_SIZE || C.MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new ObjectError('this is no ELF file: it does not start with 7f 45 4c 46', { offset: 0 });
  }
  if (bytes[4] !== C.ELFCLASS64) throw new ObjectError('this is no 64-bit ELF file', { offset: 4 });
  const cursor = new Cursor(bytes, bytes[5] !== C.ELFDATA2MSB);
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

function* symbolsNamed(
  bytes: Uint8Array,
  sections: readonly Section[],
  table: Section,
  versions: Section | undefined,
  name: string,
): Generator<{ readonly offset: number; readonly rank: number }> {
  const strings = sections[table.link];
  if (strings === undefined || table.offset + table.size > bytes.length) return;
  const wanted = new TextEncoder().encode(`${name}\0`);
  const cursor = new Cursor(bytes, bytes[5] !== C.ELFDATA2MSB);
  const count = Math.min(Math.floor(table.size / C.SYM_SIZE), MAX_SYMBOLS);
  for (let i = 0; i < count; i++) {
    cursor.offset = table.offset + i * C.SYM_SIZE;
    const text = strings.offset + cursor.u32();
    const info = cursor.u8();
    const type = info & 15;
    if ((type !== C.STT_FUNC && type !== STT_GNU_IFUNC) || wanted.some((byte, n) => bytes[text + n] !== byte)) continue;
    cursor.offset += 1;
    const section = sections[cursor.u16()];
    const value = cursor.size();
    // An undefined symbol is somebody else's function.
    if (section === undefined || section.type === C.SHT_NULL) continue;
    const offset = value - section.address + section.offset;
    if (offset < 0 || offset >= bytes.length) continue;
    const global = info >> 4 === C.STB_LOCAL ? 0 : 2;
    yield { offset, rank: global + (isDefault(cursor, versions, i) ? 1 : 0) };
  }
}

function isDefault(cursor: Cursor, versions: Section | undefined, symbol: number): boolean {
  if (versions === undefined || 2 * symbol + 2 > versions.size) return true;
  cursor.offset = versions.offset + 2 * symbol;
  return (cursor.u16() & VERSION_HIDDEN) === 0;
}
