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
  /** Whether it can be seen from outside the object. */
  readonly global: boolean;
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
    .map(
      ({ name, value: offset, size, bind }): CodeUnit => ({
        name,
        section,
        offset,
        size,
        called: targets.has(offset),
        global: bind !== STB_LOCAL,
      }),
    )
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
  const untyped = symbols.filter((symbol) => symbol.type === STT_NOTYPE && symbol.name !== '').reverse();
  const locals = new Map(untyped.map(({ name, value }) => [value, name]));
  const globals = new Map(untyped.filter(({ bind }) => bind !== STB_LOCAL).map(({ name, value }) => [value, name]));
  const starts = [...new Set([0, ...targets, ...globals.keys()])]
    .filter((offset) => offset >= 0 && offset < section.size && offset % INSN_SIZE === 0)
    .sort((a, b) => a - b);
  const nameless = (offset: number) => (offset === 0 ? section.name : `${section.name}+0x${offset.toString(16)}`);
  return starts.map((offset, i) => ({
    name: globals.get(offset) ?? (targets.has(offset) ? locals.get(offset) : undefined) ?? nameless(offset),
    section,
    offset,
    size: (starts[i + 1] ?? section.size) - offset,
    called: targets.has(offset),
    global: globals.has(offset),
  }));
}
