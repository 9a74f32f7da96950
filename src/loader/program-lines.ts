import type { Btf } from '../btf/index.ts';
import { BpfError } from '../errors.ts';
import type { ProgramLines, SourceLine } from '../explain/index.ts';
import type { ProgramSpec } from '../object/spec.ts';

/** Where in C the instructions of a program are, as its line info says. */
export function programLines({ name, lineInfo }: ProgramSpec, btf: Btf | undefined): ProgramLines {
  if (lineInfo === undefined || btf === undefined) return { name };
  const { bytes, recordSize, count } = lineInfo;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (record: number, field: number) => view.getUint32(record * recordSize + 4 * field, true);
  return {
    name,
    lineAt(insn) {
      // The records are in the order of the instructions; what has none of its own belongs to the line before.
      let record = -1;
      while (record + 1 < count && word(record + 1, 0) <= insn) record++;
      return record < 0 ? undefined : sourceLine(btf, word(record, 1), word(record, 2), word(record, 3) >>> 10);
    },
  };
}

function sourceLine(btf: Btf, file: number, text: number, line: number): SourceLine | undefined {
  try {
    return { text: btf.string(text), file: btf.string(file).split('/').at(-1), line };
  } catch (error) {
    if (error instanceof BpfError) return undefined; // the object's debug information is damaged
    throw error;
  }
}
