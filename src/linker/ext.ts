import type { Btf, BtfBuilder, BtfExt } from '../btf/index.ts';
import { concatBytes } from '../bytes/plain.ts';
import { ObjectError } from '../errors.ts';
import type { Input } from './input.ts';
import type { Placements } from './output.ts';

/**
 * The tables of `.BTF.ext` and what their records hold besides the offset of the instruction: the byte offsets of the words that are the id of a type,
 * and of those that are a string of the BTF.
 */
const TABLES = {
  funcInfo: { typeIds: [4], strings: [] },
  lineInfo: { typeIds: [], strings: [4, 8] },
  coreRelocations: { typeIds: [4], strings: [8] },
} as const satisfies Record<keyof BtfExt, { typeIds: readonly number[]; strings: readonly number[] }>;
type TableName = keyof typeof TABLES;
const NAMES = Object.keys(TABLES) as readonly TableName[]; // Object.keys forgets which strings

const HEADER_SIZE = 32;
const BTF_MAGIC = 0xeb9f;
/** Characters that the source lines and such of one object may have together: strings may overlap, and so multiply. */
const MAX_TEXT = 1 << 25;

/** A record whose strings have no place in the linked BTF yet. */
interface LinkedRecord {
  readonly bytes: Uint8Array;
  readonly strings: readonly string[];
}

interface LinkedTable {
  /** Bytes; 0 as long as there are no records. */
  recordSize: number;
  /** By section. */
  readonly sections: Map<string, LinkedRecord[]>;
}

/** `.BTF.ext` of all objects in one. */
export class LinkedExt {
  readonly #tables: Readonly<Record<TableName, LinkedTable>> = {
    funcInfo: { recordSize: 0, sections: new Map() },
    lineInfo: { recordSize: 0, sections: new Map() },
    coreRelocations: { recordSize: 0, sections: new Map() },
  };

  /** Appends the records of an input, whose types now have these `ids`. */
  add(input: Input, placements: Placements, ids: Uint32Array): void {
    const { btf, ext } = input;
    if (btf === undefined || ext === undefined) return;
    const strings = new Texts(btf);
    for (const name of NAMES) {
      const table = this.#tables[name];
      const { recordSize, sections } = ext[name];
      if (sections.size === 0) continue;
      if (table.recordSize !== 0 && table.recordSize !== recordSize)
        throw bad(`its records of ${name} have ${recordSize} bytes, but ${table.recordSize} in the objects before`);
      table.recordSize = recordSize;
      for (const [section, records] of sections) {
        const placement = placements.get(input.sectionIndexes.get(section) ?? 0);
        if (placement === undefined) throw bad(`${name} is about section ${section}, which is not linked`);
        const linked = table.sections.get(section) ?? [];
        table.sections.set(section, linked);
        for (const { bytes } of records) linked.push(linkRecord(name, bytes, placement.offset, ids, strings));
      }
    }
  }

  /** The content of the section, `undefined` if there are no records; `ids` are those of the types in their last place. */
  bytes(builder: BtfBuilder, ids: Uint32Array): Uint8Array | undefined {
    const tables = NAMES.map((name) => this.#table(name, builder, ids));
    if (tables.every((table) => table.length === 0)) return undefined;
    const header = new DataView(new ArrayBuffer(HEADER_SIZE));
    header.setUint32(0, BTF_MAGIC | (1 << 16), true);
    header.setUint32(4, HEADER_SIZE, true);
    let offset = 0;
    for (const [i, table] of tables.entries()) {
      header.setUint32(8 + 8 * i, offset, true);
      header.setUint32(12 + 8 * i, table.length, true);
      offset += table.length;
    }
    return concatBytes([new Uint8Array(header.buffer), ...tables]);
  }

  #table(name: TableName, builder: BtfBuilder, ids: Uint32Array): Uint8Array {
    const { recordSize, sections } = this.#tables[name];
    const parts: Uint8Array[] = [];
    for (const [section, records] of sections) {
      if (records.length > 0) parts.push(words(builder.string(section), records.length));
      for (const { bytes, strings } of records) {
        const view = new DataView(bytes.buffer);
        for (const at of TABLES[name].typeIds) view.setUint32(at, ids[view.getUint32(at, true)] ?? 0, true);
        for (const [i, at] of TABLES[name].strings.entries())
          view.setUint32(at, builder.string(strings[i] ?? ''), true);
        parts.push(bytes);
      }
    }
    return parts.length === 0 ? new Uint8Array(0) : concatBytes([words(recordSize), ...parts]);
  }
}

function linkRecord(name: TableName, record: Uint8Array, offset: number, ids: Uint32Array, texts: Texts): LinkedRecord {
  const bytes = record.slice();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, view.getUint32(0, true) + offset, true);
  for (const at of TABLES[name].typeIds) {
    const id = ids[view.getUint32(at, true)] ?? 0;
    if (id === 0) throw bad(`a record of ${name} is about type ${view.getUint32(at, true)}, which is not linked`);
    view.setUint32(at, id, true);
  }
  return { bytes, strings: TABLES[name].strings.map((at) => texts.at(view.getUint32(at, true))) };
}

/** Strings by offset, each read once. */
class Texts {
  readonly #btf: Btf;
  readonly #known = new Map<number, string>();
  #room = MAX_TEXT;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  at(offset: number): string {
    const known = this.#known.get(offset);
    if (known !== undefined) return known;
    const text = this.#btf.string(offset, this.#room + 1);
    this.#room -= text.length;
    if (this.#room < 0) throw bad(`its strings have more than ${MAX_TEXT} characters together`);
    this.#known.set(offset, text);
    return text;
  }
}

function words(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return new Uint8Array(view.buffer);
}

function bad(reason: string): ObjectError {
  return new ObjectError(reason, { section: '.BTF.ext' });
}
