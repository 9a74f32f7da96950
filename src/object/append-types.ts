import { concatBytes } from '../bytes/plain.ts';

/** Bytes of the header of BTF. */
const HEADER = 24;

/** The same BTF with more types, as the words of their records, and more strings behind its own. */
export function appendTypes(
  btf: Uint8Array,
  words: readonly number[],
  strings: string,
  littleEndian: boolean,
): Uint8Array {
  const old = new DataView(btf.buffer, btf.byteOffset, btf.byteLength);
  const [header, typesAt, typesLength, stringsAt, stringsLength] = [4, 8, 12, 16, 20].map((at) =>
    old.getUint32(at, littleEndian),
  ) as [number, number, number, number, number]; // as many as there are offsets
  const part = (start: number, length: number) => btf.subarray(header + start, header + start + length);
  const types = new Uint8Array(4 * words.length);
  for (const [i, word] of words.entries()) new DataView(types.buffer).setUint32(4 * i, word, littleEndian);
  const names = new TextEncoder().encode(strings);
  const result = concatBytes([
    btf.subarray(0, HEADER),
    part(typesAt, typesLength),
    types,
    part(stringsAt, stringsLength),
    names,
  ]);
  const view = new DataView(result.buffer);
  const fields = [HEADER, 0, typesLength + types.length, typesLength + types.length, stringsLength + names.length];
  for (const [i, field] of fields.entries()) view.setUint32(4 + 4 * i, field, littleEndian);
  return result;
}
