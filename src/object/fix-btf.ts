import { type Btf, type BtfDatasec, parseBtf } from '../btf/index.ts';
import { type ElfFile, type ElfSymbol, STB_LOCAL, STT_FUNC, STV_HIDDEN, STV_INTERNAL } from '../elf/index.ts';
import type { SymbolsBySection } from './file.ts';

const BTF_STATIC = 0;
/** Bytes of a record before its list, and where in them a VAR keeps its linkage. */
const RECORD = 12;
const VAR_LINKAGE = 12;

/**
 * What a linker would do to an object's BTF, as libbpf does it. Compilers leave the size of a DATASEC and the offsets of its global variables zero,
 * which no kernel takes: sizes come from the ELF sections, offsets from the symbols, and the variables are sorted by offset. Functions and variables
 * with hidden visibility become static: nothing outside can call the function, so the verifier need not look at it on its own; a section in which
 * all is static is not mmapable.
 */
export function fixBtf(btf: Btf, elf: ElfFile, symbols: SymbolsBySection): Btf {
  const bytes = new Uint8Array(btf.bytes);
  const view = new DataView(bytes.buffer);
  const sections = new Map(elf.sections.map((section) => [section.name, section]));
  let changed = hideFunctions(btf, view, elf);
  const offsets = new Map([...btf.records('var')]);
  for (const [id, at] of btf.records('datasec')) {
    const type = btf.type(id);
    const section = sections.get(type.name);
    if (type.kind !== 'datasec' || section === undefined) continue;
    const globals = globalSymbols(symbols.get(section.index));
    // Maps stay global: a hidden one is still a map.
    if (type.name !== '.maps') changed = hideVariables(btf, view, type, offsets, globals) || changed;
    if (type.size !== 0) continue;
    view.setUint32(at + 8, section.size, btf.littleEndian);
    placeVariables(btf, view, type, at + RECORD, globals);
    changed = true;
  }
  return changed ? parseBtf(bytes) : btf;
}

function hideFunctions(btf: Btf, view: DataView, elf: ElfFile): boolean {
  const hidden = new Set(elf.symbols.filter((s) => s.type === STT_FUNC && isHidden(s)).map((s) => s.name));
  if (hidden.size === 0) return false;
  for (const [id, at] of btf.records('func')) {
    // A function keeps its linkage where other kinds have the length of their list.
    if (hidden.has(btf.type(id).name))
      view.setUint32(at + 4, (view.getUint32(at + 4, btf.littleEndian) & 0xffff0000) | BTF_STATIC, btf.littleEndian);
  }
  return true;
}

function hideVariables(
  btf: Btf,
  view: DataView,
  { variables }: BtfDatasec,
  offsets: ReadonlyMap<number, number>,
  globals: ReadonlyMap<string, ElfSymbol>,
): boolean {
  let changed = false;
  for (const { typeId } of variables) {
    const symbol = globals.get(btf.type(typeId).name);
    const at = offsets.get(typeId);
    if (symbol === undefined || at === undefined || !isHidden(symbol)) continue;
    view.setUint32(at + VAR_LINKAGE, BTF_STATIC, btf.littleEndian);
    changed = true;
  }
  return changed;
}

function placeVariables(
  btf: Btf,
  view: DataView,
  { variables }: BtfDatasec,
  list: number,
  globals: ReadonlyMap<string, ElfSymbol>,
): void {
  // The offset of a static variable is known to the compiler.
  const placed = variables
    .map((variable) => ({ ...variable, offset: globals.get(btf.type(variable.typeId).name)?.value ?? variable.offset }))
    .sort((a, b) => a.offset - b.offset);
  for (const [i, { typeId, offset, size }] of placed.entries()) {
    for (const [j, word] of [typeId, offset, size].entries())
      view.setUint32(list + 12 * i + 4 * j, word, btf.littleEndian);
  }
}

function globalSymbols(symbols: readonly ElfSymbol[] = []): ReadonlyMap<string, ElfSymbol> {
  return new Map(symbols.filter((s) => s.bind !== STB_LOCAL).map((s) => [s.name, s]));
}

function isHidden({ visibility }: ElfSymbol): boolean {
  return visibility === STV_HIDDEN || visibility === STV_INTERNAL;
}
