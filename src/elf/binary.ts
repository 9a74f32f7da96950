import { Cursor } from '../bytes/cursor.ts';
import { ObjectError } from '../errors.ts';
import * as C from './constants.ts';

const ET_EXEC = 2;
const ET_DYN = 3;
/** Bytes of a program header. */
const PHDR_SIZE = 56;
const PT_LOAD = 1;
const PF_X = 1;

/** An executable or a shared library, as far as probes need it. */
export interface Binary {
  readonly bytes: Uint8Array;
  /** EM_*: 62 is x86-64, 183 is arm64. */
  readonly machine: number;
  /** Whether it is mapped where its addresses say (ET_EXEC), and not anywhere. */
  readonly fixed: boolean;
  readonly sections: readonly BinarySection[];
}

export interface BinarySection {
  /** Where its name is. Bytes from the start of the file. */
  readonly text: number;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** A part of the file that is mapped when it runs. */
export interface Segment {
  readonly address: number;
  /** Bytes in memory. */
  readonly size: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly executable: boolean;
}

/** Throws ObjectError if the bytes are no 64-bit executable and no shared library. */
export function readBinary(bytes: Uint8Array): Binary {
  if (bytes.length < C.EHDR_SIZE || C.MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new ObjectError('this is no ELF file: it does not start with 7f 45 4c 46', { offset: 0 });
  }
  if (bytes[4] !== C.ELFCLASS64) throw new ObjectError('this is no 64-bit ELF file', { offset: 4 });
  const cursor = cursorOf(bytes);
  cursor.offset = 16;
  const type = cursor.u16();
  const machine = cursor.u16();
  if (type !== ET_EXEC && type !== ET_DYN) {
    throw new ObjectError(`this is no executable and no shared library: its type is ${type}`, { offset: 16 });
  }
  return { bytes, machine, fixed: type === ET_EXEC, sections: readSections(bytes) };
}

function readSections(bytes: Uint8Array): BinarySection[] {
  const cursor = cursorOf(bytes);
  cursor.offset = 40;
  const at = cursor.size();
  cursor.offset = 60;
  const count = cursor.u16();
  const nameIndex = cursor.u16();
  if (at + count * C.SHDR_SIZE > bytes.length) {
    throw new ObjectError(`the file has no room for its ${count} section headers`, { offset: 40 });
  }
  const raw = Array.from({ length: count }, (_, i) => {
    cursor.offset = at + i * C.SHDR_SIZE;
    const [text, type] = [cursor.u32(), cursor.u32()];
    cursor.offset += 8; // flags
    const [address, offset, size] = [cursor.size(), cursor.size(), cursor.size()];
    return { text, type, address, offset, size, link: cursor.u32() };
  });
  const names = raw[nameIndex]?.offset ?? bytes.length;
  return raw.map((section) => ({ ...section, text: names + section.text }));
}

/** The first section of this name. */
export function sectionNamed({ bytes, sections }: Binary, name: string): BinarySection | undefined {
  const wanted = new TextEncoder().encode(`${name}\0`);
  return sections.find(({ text }) => wanted.every((byte, i) => bytes[text + i] === byte));
}

export function readSegments({ bytes }: Binary): Segment[] {
  const cursor = cursorOf(bytes);
  cursor.offset = 32;
  const at = cursor.size();
  cursor.offset = 54;
  const [size, count] = [cursor.u16(), cursor.u16()];
  if (size !== PHDR_SIZE || at + count * PHDR_SIZE > bytes.length) {
    throw new ObjectError(`the file has no room for its ${count} program headers of ${PHDR_SIZE} bytes`, {
      offset: 54,
    });
  }
  return Array.from({ length: count }, (_, i) => {
    cursor.offset = at + i * PHDR_SIZE;
    const [type, flags, offset, address] = [cursor.u32(), cursor.u32(), cursor.size(), cursor.size()];
    cursor.offset += 16; // the physical address, bytes in the file
    return { type, address, size: cursor.size(), offset, executable: (flags & PF_X) !== 0 };
  }).filter(({ type }) => type === PT_LOAD);
}

export function cursorOf(bytes: Uint8Array): Cursor {
  return new Cursor(bytes, bytes[5] !== C.ELFDATA2MSB);
}
