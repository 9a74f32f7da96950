import { type ElfSection, type ElfSymbol, STB_LOCAL, STT_FUNC, STT_NOTYPE } from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import { INSN_SIZE } from '../isa/index.ts';
import { callTargets } from './call-targets.ts';
import { isCode, type ObjectFile } from './file.ts';

/** A stretch of code with a name: a function, or a whole section without function symbols. */
export interface CodeUnit {
  readonly name: string;
  readonly section: ElfSection;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
  /** Whether other code of the object calls it, or takes its address. */
  readonly called: boolean;
}

/** The functions of an object by section index, each list by offset. */
export function readFunctions(file: ObjectFile): ReadonlyMap<number, readonly CodeUnit[]> {
  const targets = callTargets(file);
  return new Map(
    file.elf.sections
      .filter(isCode)
      .map((section) => [
        section.index,
        sectionFunctions(section, file.symbols.get(section.index) ?? [], targets.get(section.index) ?? new Set()),
      ]),
  );
}

function sectionFunctions(
  section: ElfSection,
  symbols: readonly ElfSymbol[],
  targets: ReadonlySet<number>,
): CodeUnit[] {
  if (section.size % INSN_SIZE !== 0)
    throw new ObjectError(`its ${section.size} bytes are no whole number of instructions`, { section: section.name });
  const functions = symbols
    .filter((symbol) => symbol.type === STT_FUNC)
    .map(({ name, value: offset, size }): CodeUnit => ({ name, section, offset, size, called: targets.has(offset) }))
    .sort((a, b) => a.offset - b.offset);
  if (functions.length === 0) return untypedFunctions(section, symbols, targets);
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

/**
 * clang before 7 gave functions symbols without type and size: each ends where the next one starts. Such a symbol may be a label within a function
 * as well; a function's is global, or it is called. The section's start is one in any case.
 */
function untypedFunctions(
  section: ElfSection,
  symbols: readonly ElfSymbol[],
  targets: ReadonlySet<number>,
): CodeUnit[] {
  const names = new Map<number, string>([[0, section.name]]);
  for (const offset of targets) names.set(offset, `${section.name}+0x${offset.toString(16)}`);
  const untyped = symbols.filter((symbol) => symbol.type === STT_NOTYPE && symbol.name !== '');
  for (const { name, value, bind } of untyped) if (bind === STB_LOCAL && targets.has(value)) names.set(value, name);
  for (const { name, value, bind } of [...untyped].reverse()) if (bind !== STB_LOCAL) names.set(value, name);
  const starts = [...names.keys()]
    .filter((offset) => offset >= 0 && offset < section.size && offset % INSN_SIZE === 0)
    .sort((a, b) => a - b);
  return starts.map((offset, i) => ({
    name: names.get(offset) ?? section.name,
    section,
    offset,
    size: (starts[i + 1] ?? section.size) - offset,
    called: targets.has(offset),
  }));
}
