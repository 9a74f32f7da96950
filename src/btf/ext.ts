import { Cursor } from '../bytes/cursor.ts';
import { ObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';

/** `.BTF.ext`: what belongs to instructions, by ELF section. Offsets are bytes within the section. */
export interface BtfExt {
  readonly funcInfo: InfoTable;
  readonly lineInfo: InfoTable;
  readonly coreRelocations: InfoTable;
}

export interface InfoTable {
  /** Bytes of one record, the same for all sections; 0 if the table is empty. */
  readonly recordSize: number;
  readonly sections: ReadonlyMap<string, readonly InfoRecord[]>;
}

/** A record, little-endian whatever the file is; its first word is the byte offset of the instruction. */
export interface InfoRecord {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const BTF_MAGIC = 0xeb9f;
/** Sections that a table may be about, and characters of their names. */
const MAX_SECTIONS = 65536;
const MAX_NAME = 512;
/** Bytes that a record of each table must have at least. */
const MIN_RECORD = { func: 8, line: 16, core: 16 } as const;

/** Throws ObjectError if the section is damaged. */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  const place = { section: '.BTF.ext' };
  const cursor = new Cursor(bytes, btf.littleEndian, place);
  if (cursor.u16() !== BTF_MAGIC) throw new ObjectError('its magic is not that of BTF', { ...place, offset: 0 });
  cursor.offset = 4;
  const header = cursor.u32();
  const table = (minimum: number): InfoTable => {
    // Older compilers write a header without the last table.
    if (cursor.offset + 8 > Math.min(header, bytes.length)) return { recordSize: 0, sections: new Map() };
    const start = header + cursor.u32();
    const length = cursor.u32();
    if (start + length > bytes.length)
      throw new ObjectError(`a table of ${length} bytes does not fit`, { ...place, offset: cursor.offset - 8 });
    return parseTable(new Cursor(bytes.subarray(start, start + length), btf.littleEndian, place), minimum, btf);
  };
  return {
    funcInfo: table(MIN_RECORD.func),
    lineInfo: table(MIN_RECORD.line),
    coreRelocations: table(MIN_RECORD.core),
  };
}

function parseTable(cursor: Cursor, minimum: number, btf: Btf): InfoTable {
  const sections = new Map<string, InfoRecord[]>();
  if (cursor.left === 0) return { recordSize: 0, sections };
  const recordSize = cursor.u32();
  if (recordSize < minimum || recordSize % 4 !== 0)
    throw new ObjectError(`records of ${recordSize} bytes; ${minimum} at least are expected`, { section: '.BTF.ext' });
  while (cursor.left > 0) {
    const name = btf.string(cursor.u32(), MAX_NAME);
    const count = cursor.u32();
    const data = littleEndianWords(cursor.take(count * recordSize), btf.littleEndian);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const records = sections.get(name) ?? [];
    if (sections.size > MAX_SECTIONS)
      throw new ObjectError(`a table is about more than ${MAX_SECTIONS} sections`, { section: '.BTF.ext' });
    for (let i = 0; i < count; i++) {
      records.push({
        offset: view.getUint32(i * recordSize, true),
        bytes: data.subarray(i * recordSize, (i + 1) * recordSize),
      });
    }
    sections.set(name, records);
  }
  return { recordSize, sections };
}

/** All fields of all records are words. */
function littleEndianWords(data: Uint8Array, littleEndian: boolean): Uint8Array {
  if (littleEndian) return data;
  const swapped = data.slice();
  const view = new DataView(swapped.buffer);
  for (let at = 0; at < swapped.length; at += 4) view.setUint32(at, view.getUint32(at), true);
  return swapped;
}
