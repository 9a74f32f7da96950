import { type Btf, type CoreRelocation, parseBtf, parseBtfExt } from '../btf/index.ts';
import { parseElf } from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import { coreRelocation } from './debug-info.ts';

/**
 * The CO-RE relocations of an object as they stand in its file, those of functions that nothing calls among them, with the types that they are about.
 * Throws ObjectError if the object has no `.BTF` and `.BTF.ext`, or is damaged.
 */
export function parseCoreRelocations(
  bytes: Uint8Array,
  options: { readonly file?: string } = {},
): { readonly btf: Btf; readonly relocations: readonly CoreRelocation[] } {
  const { sections } = parseElf(bytes);
  const section = (name: string): Uint8Array => {
    const found = sections.find((candidate) => candidate.name === name);
    if (found !== undefined) return found.data;
    throw new ObjectError(`there is no section ${name}; compile with -g`, { file: options.file });
  };
  const btf = parseBtf(section('.BTF'));
  const records = [...parseBtfExt(section('.BTF.ext'), btf).coreRelocations.sections.values()].flat();
  return { btf, relocations: records.map((record) => coreRelocation(record, btf)) };
}
