import { type ElfSection, type ElfSymbol, STB_LOCAL, STT_FUNC, STT_NOTYPE } from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import { INSN_SIZE } from '../isa/index.ts';
import { isCode, type ObjectFile } from './file.ts';

/** A stretch of code with a name: a function, or a whole section without function symbols. */
export interface CodeUnit {
  readonly name: string;
  readonly section: ElfSection;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
}

/** The functions of an object by section index, each list by offset. */
export function readFunctions({ elf, symbols }: ObjectFile): ReadonlyMap<number, readonly CodeUnit[]> {
  return new Map(
    elf.sections
      .filter(isCode)
      .map((section) => [section.index, sectionFunctions(section, symbols.get(section.index) ?? [])]),
  );
}

function sectionFunctions(section: ElfSection, symbols: readonly ElfSymbol[]): CodeUnit[] {
  const functions = symbols
    .filter((symbol) => symbol.type === STT_FUNC)
    .map(({ name, value, size }): CodeUnit => ({ name, section, offset: value, size }))
    .sort((a, b) => a.offset - b.offset);
  if (section.size % INSN_SIZE !== 0)
    throw new ObjectError(`its ${section.size} bytes are no whole number of instructions`, { section: section.name });
  if (functions.length === 0) return [wholeSection(section, symbols)];
  for (const { name, offset, size } of functions) {
    if (size === 0 || size % INSN_SIZE !== 0 || offset % INSN_SIZE !== 0 || offset + size > section.size) {
      throw new ObjectError(`function ${name} of ${size} bytes does not lie on whole instructions within the section`, {
        section: section.name,
        offset,
      });
    }
  }
  return functions;
}

/** clang before 7 gave functions symbols without a type: the whole section is one program then, named by the first of them. */
function wholeSection(section: ElfSection, symbols: readonly ElfSymbol[]): CodeUnit {
  const symbol = symbols.find((s) => s.type === STT_NOTYPE && s.bind !== STB_LOCAL && s.value === 0 && s.name !== '');
  return { name: symbol?.name ?? section.name, section, offset: 0, size: section.size };
}
