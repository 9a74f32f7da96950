import { type Btf, type CoreRelocation, coreKind, type InfoRecord, type InfoTable } from '../btf/index.ts';
import { concatBytes } from '../bytes/plain.ts';
import { INSN_SIZE } from '../isa/index.ts';
import type { CodeUnit } from './functions.ts';
import { between, byOffset } from './range.ts';
import type { CoreReference, InfoRecords } from './spec.ts';

/** A function within linked code, which starts at this slot. */
export interface Part {
  readonly unit: CodeUnit;
  readonly start: number;
}

/**
 * The records of a `.BTF.ext` table (one of {@link sortTable}) that belong to linked code, with `insn_off` in slots of the result. `undefined` if a
 * part has none at its start: the kernel takes either all or nothing.
 */
export function collectInfo(table: InfoTable, parts: readonly Part[]): InfoRecords | undefined {
  const found: { slot: number; record: InfoRecord }[] = [];
  for (const { unit, start } of parts) {
    const own = recordsOf(table, unit);
    if (own[0]?.offset !== unit.offset) return undefined;
    for (const record of own) found.push({ slot: start + (record.offset - unit.offset) / INSN_SIZE, record });
  }
  const bytes = concatBytes(found.map(({ record }) => record.bytes));
  const view = new DataView(bytes.buffer);
  for (const [i, { slot }] of found.entries()) view.setUint32(i * table.recordSize, slot, true);
  return { recordSize: table.recordSize, count: found.length, bytes };
}

/** The table with the records of each section by offset, and only those to keep. */
export function sortTable(table: InfoTable, keep: (record: InfoRecord) => boolean = () => true): InfoTable {
  const sections = [...table.sections].map(([name, records]) => [name, byOffset(records.filter(keep))] as const);
  return { recordSize: table.recordSize, sections: new Map(sections) };
}

function recordsOf(table: InfoTable, { section, offset, size }: CodeUnit): InfoRecord[] {
  return between(table.sections.get(section.name) ?? [], offset, offset + size);
}

/** The CO-RE relocations of linked code. Throws ObjectError if a record makes no sense. */
export function collectCore(table: InfoTable, btf: Btf, parts: readonly Part[]): CoreReference[] {
  return parts.flatMap(({ unit, start }) =>
    recordsOf(table, unit).map(
      (record): CoreReference => ({
        insn: start + (record.offset - unit.offset) / INSN_SIZE,
        ...coreRelocation(record, btf),
      }),
    ),
  );
}

/** What a record says besides its place. Throws ObjectError if it makes no sense. */
export function coreRelocation({ bytes }: InfoRecord, btf: Btf): CoreRelocation {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    kind: coreKind(view.getUint32(12, true)),
    typeId: view.getUint32(4, true),
    access: btf.string(view.getUint32(8, true)),
  };
}

/** The kind of CO-RE relocation whose value the compiler has put in already. */
const TYPE_ID_LOCAL = 6;

/** Whether a CO-RE relocation needs a kernel's types. */
export function isRealCore({ bytes }: InfoRecord): boolean {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true) !== TYPE_ID_LOCAL;
}
