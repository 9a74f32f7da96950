import { type Btf, parseBtf } from '../btf/index.ts';
import { type ElfFile, STB_LOCAL } from '../elf/index.ts';

/**
 * Compilers leave the size of a DATASEC and the offsets of its global variables zero for a linker to fill in; the kernel refuses such BTF. This is
 * that linker: sizes come from the ELF sections, offsets from the symbols. Variables are sorted by offset, as the kernel wants them.
 */
export function fixDatasecs(btf: Btf, elf: ElfFile): Btf {
  const bytes = new Uint8Array(btf.bytes);
  const view = new DataView(bytes.buffer);
  let changed = false;
  for (const [id, recordOffset] of btf.records()) {
    const type = btf.type(id);
    if (type.kind !== 'datasec' || type.size !== 0) continue;
    const section = elf.sections.find((candidate) => candidate.name === type.name);
    if (section === undefined) continue;
    const variables = type.variables.map((variable) => {
      const symbol = globalSymbol(btf, elf, variable.typeId, section.index);
      return { ...variable, offset: symbol ?? variable.offset };
    });
    variables.sort((a, b) => a.offset - b.offset);
    view.setUint32(recordOffset + 8, section.size, btf.littleEndian);
    for (const [i, { typeId, offset, size }] of variables.entries()) {
      const at = recordOffset + 12 + 12 * i;
      view.setUint32(at, typeId, btf.littleEndian);
      view.setUint32(at + 4, offset, btf.littleEndian);
      view.setUint32(at + 8, size, btf.littleEndian);
    }
    changed = true;
  }
  return changed ? parseBtf(bytes) : btf;
}

/** Where the symbol of a global variable is within its section; `undefined` for static ones, whose offset the compiler knows. */
function globalSymbol(btf: Btf, elf: ElfFile, typeId: number, section: number): number | undefined {
  const variable = btf.type(typeId);
  if (variable.kind !== 'var') return undefined;
  return elf.symbols.find((s) => s.section === section && s.name === variable.name && s.bind !== STB_LOCAL)?.value;
}
