import { type Btf, type BtfDatasec, parseBtf } from '../btf/index.ts';
import { type ElfFile, type ElfSymbol, STB_LOCAL, STT_FUNC, STV_HIDDEN, STV_INTERNAL } from '../elf/index.ts';
import { KCONFIG } from './externs.ts';
import { isBtfMaps, type SymbolsBySection } from './file.ts';
import type { ExternSpec } from './spec.ts';

const BTF_STATIC = 0;
const BTF_GLOBAL = 1;
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
    if (!isBtfMaps(section)) changed = hideVariables(btf, view, type, offsets, globals) || changed;
    if (type.size !== 0) continue;
    view.setUint32(at + 8, section.size, btf.littleEndian);
    placeVariables(btf, view, type, at + RECORD, globals);
    changed = true;
  }
  return changed ? parseBtf(bytes) : btf;
}

/** Gives the variables of `.kconfig`, which has no ELF section, their places, and makes them the object's own. */
export function placeKconfig(btf: Btf, externs: readonly ExternSpec[]): Btf {
  const places = new Map(externs.flatMap((e) => (e.kind === 'kconfig' ? [[e.name, e] as const] : [])));
  if (places.size === 0) return btf;
  const bytes = new Uint8Array(btf.bytes);
  const view = new DataView(bytes.buffer);
  const records = new Map(btf.records('var'));
  for (const [id, at] of btf.records('datasec')) {
    const section = btf.type(id);
    if (section.kind !== 'datasec' || section.name !== KCONFIG) continue;
    const placed = section.variables.map(({ typeId, offset, size }) => {
      const record = records.get(typeId);
      if (record !== undefined) view.setUint32(record + VAR_LINKAGE, BTF_GLOBAL, btf.littleEndian);
      const place = places.get(btf.type(typeId).name);
      return { typeId, offset: place?.offset ?? offset, size: place?.size ?? size };
    });
    view.setUint32(at + 8, Math.max(...placed.map(({ offset, size }) => offset + size)), btf.littleEndian);
    writeVariables(btf, view, at + RECORD, placed);
  }
  return parseBtf(bytes);
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
  const placed = variables.map((variable) => ({
    ...variable,
    offset: globals.get(btf.type(variable.typeId).name)?.value ?? variable.offset,
  }));
  writeVariables(btf, view, list, placed);
}

/** The list of a DATASEC, sorted as the kernel wants it. */
function writeVariables(btf: Btf, view: DataView, list: number, variables: BtfDatasec['variables']): void {
  const sorted = [...variables].sort((a, b) => a.offset - b.offset);
  for (const [i, { typeId, offset, size }] of sorted.entries()) {
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
