import { type Btf, type BtfExt, parseBtf, parseBtfExt } from '../btf/index.ts';
import {
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  EM_BPF,
  EM_NONE,
  parseElf,
  parseRelocations,
  SHF_EXECINSTR,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_RELA,
} from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import { swapInsns } from './byte-order.ts';
import { readExterns } from './externs.ts';
import { fixBtf, placeKconfig } from './fix-btf.ts';
import type { ExternSpec } from './spec.ts';
import { isStructOps } from './struct-ops.ts';

/** An object file with its parts sorted out: what the readers of maps and programs work on. */
export interface ObjectFile {
  /** The code in it is little-endian whatever the file is. */
  readonly elf: ElfFile;
  readonly btf: Btf | undefined;
  readonly btfExt: BtfExt | undefined;
  /** By index of the section that is relocated. */
  readonly relocations: ReadonlyMap<number, readonly ElfRelocation[]>;
  /** By index of the section that they are in. */
  readonly symbols: SymbolsBySection;
  readonly externs: readonly ExternSpec[];
  readonly notes: string[];
}

export type SymbolsBySection = ReadonlyMap<number, readonly ElfSymbol[]>;

export function readObjectFile(bytes: Uint8Array): ObjectFile {
  const elf = littleEndianCode(parseElf(bytes));
  if (elf.machine !== EM_BPF && elf.machine !== EM_NONE) {
    throw new ObjectError(
      `this is no eBPF object: it is for machine ${elf.machine}, not ${EM_BPF} (compile with -target bpf)`,
      { offset: 18 },
    );
  }
  if (elf.symbols.length === 0)
    throw new ObjectError('the object has no symbol table; was it stripped of more than debug information?');
  const notes: string[] = [];
  const symbols = symbolsBySection(elf);
  const written = readBtf(elf, symbols, notes);
  const externs = written === undefined ? [] : readExterns(written, symbols.get(SHN_UNDEF) ?? []);
  const btf = written && placeKconfig(written, externs);
  return { elf, btf, btfExt: readBtfExt(elf, btf, notes), relocations: readRelocations(elf), symbols, externs, notes };
}

function littleEndianCode(elf: ElfFile): ElfFile {
  if (elf.littleEndian) return elf;
  const sections = elf.sections.map((section) =>
    isCode(section) ? { ...section, data: swapInsns(section.data) } : section,
  );
  return { ...elf, sections };
}

/** BTF that is damaged costs an object its types, not its programs, unless its maps are written in BTF. */
function readBtf(elf: ElfFile, symbols: SymbolsBySection, notes: string[]): Btf | undefined {
  const section = findSection(elf, '.BTF');
  if (section === undefined) return undefined;
  try {
    return fixBtf(parseBtf(section.data), elf, symbols);
  } catch (error) {
    if (!(error instanceof ObjectError) || elf.sections.some(isBtfMaps)) throw error;
    notes.push(`the BTF is damaged and was left out: ${error.message}`);
    return undefined;
  }
}

function readBtfExt(elf: ElfFile, btf: Btf | undefined, notes: string[]): BtfExt | undefined {
  const section = findSection(elf, '.BTF.ext');
  if (section === undefined || btf === undefined) return undefined;
  try {
    return parseBtfExt(section.data, btf);
  } catch (error) {
    if (!(error instanceof ObjectError)) throw error;
    notes.push(`the line information is damaged and was left out: ${error.message}`);
    return undefined;
  }
}

function readRelocations(elf: ElfFile): Map<number, ElfRelocation[]> {
  const relocations = new Map<number, ElfRelocation[]>();
  for (const section of elf.sections) {
    if (section.type !== SHT_REL && section.type !== SHT_RELA) continue;
    const target = elf.sections[section.info];
    // Those of debug sections are none of ours.
    if (target === undefined || !(isCode(target) || isBtfMaps(target) || isStructOps(target))) continue;
    if (section.type === SHT_RELA)
      throw new ObjectError('relocations with addends are not used in eBPF objects', { section: section.name });
    const parsed = parseRelocations(elf, section);
    const known = relocations.get(target.index);
    if (known === undefined) relocations.set(target.index, parsed);
    else for (const relocation of parsed) known.push(relocation);
  }
  return relocations;
}

function symbolsBySection(elf: ElfFile): Map<number, ElfSymbol[]> {
  const sections = new Map<number, ElfSymbol[]>();
  for (const symbol of elf.symbols) {
    const known = sections.get(symbol.section);
    if (known === undefined) sections.set(symbol.section, [symbol]);
    else known.push(symbol);
  }
  return sections;
}

export function findSection(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}

export function isCode(section: ElfSection): boolean {
  return section.type === SHT_PROGBITS && (section.flags & SHF_EXECINSTR) !== 0 && section.size > 0;
}

/** `.data`, `.rodata`, `.bss`, and those with a suffix (`.rodata.str1.1`). */
export function dataKind(section: ElfSection): 'data' | 'rodata' | 'bss' | undefined {
  const match = /^\.(data|rodata|bss)(\.|$)/.exec(section.name);
  const kind = match?.[1];
  if (section.size === 0) return undefined;
  if (kind === 'bss') return section.type === SHT_NOBITS ? 'bss' : undefined;
  return section.type === SHT_PROGBITS && (kind === 'data' || kind === 'rodata') ? kind : undefined;
}

/** The content of `__arena` variables. */
export function isArenaData({ name, size, type }: ElfSection): boolean {
  return name === '.addr_space.1' && size > 0 && type === SHT_PROGBITS;
}

/** `.maps`; one with a suffix is another loader's way to say what to do with the maps in it. */
export function isBtfMaps({ name, size }: ElfSection): boolean {
  return size > 0 && (name === '.maps' || name.startsWith('.maps.'));
}

/** tc's and old libbpf's map sections. */
export function isLegacyMaps(section: ElfSection): boolean {
  return (
    section.type === SHT_PROGBITS && section.size > 0 && (section.name === 'maps' || section.name.startsWith('maps/'))
  );
}
