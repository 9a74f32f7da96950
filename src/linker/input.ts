import { type Btf, type BtfExt, type BtfType, parseBtf, parseBtfExt } from '../btf/index.ts';
import { plainBytes } from '../bytes/plain.ts';
import {
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  EM_BPF,
  parseElf,
  parseRelocations,
  SHF_EXECINSTR,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_LOCAL,
  STB_WEAK,
  STT_NOTYPE,
  STT_SECTION,
  STV_DEFAULT,
  STV_HIDDEN,
} from '../elf/index.ts';
import { NotSupportedError, ObjectError } from '../errors.ts';

/** An object to be linked; `file` is its name in messages. */
export interface LinkInput {
  readonly bytes: Uint8Array;
  readonly file: string;
}

/** An object that was read and checked. */
export interface Input {
  readonly file: string;
  readonly elf: ElfFile;
  /** Code and data; what only a debugger or the compiler's own linker needs is left out. */
  readonly sections: readonly ElfSection[];
  /** Of each name the first section that has it, linked or not. */
  readonly sectionIndexes: ReadonlyMap<string, number>;
  /** By index of the section that they change. */
  readonly relocations: ReadonlyMap<number, readonly ElfRelocation[]>;
  /** By id, void first; empty without BTF. */
  readonly types: readonly BtfType[];
  readonly btf: Btf | undefined;
  readonly ext: BtfExt | undefined;
  /** Variables and functions that are not static, by name. */
  readonly globals: ReadonlyMap<string, GlobalType>;
}

export interface GlobalType {
  /** Of its `var` or `func`. */
  readonly typeId: number;
  /** The DATASEC that lists it. */
  readonly datasec: string | undefined;
}

/** As much BTF as the kernel takes; and characters that all names may have together, since strings may overlap. */
const MAX_BTF = 16 * 1024 * 1024;
const MAX_NAMES = 1 << 25;
/** Bytes; a page, which is more than any section of a BPF object asks for. */
const MAX_ALIGN = 4096;
const INSN_SIZE = 8;

/** Reads one object. Throws ObjectError for what no compiler makes and a linker could get wrong. */
export function readInput({ bytes, file }: LinkInput): Input {
  // A Buffer's slices are no copies.
  const elf = parseElf(plainBytes(bytes));
  if (elf.machine !== EM_BPF) throw new ObjectError(`this is no BPF object: its machine is ${elf.machine}, not 247`);
  if (!elf.littleEndian) throw new NotSupportedError(`${file}: linking big-endian objects`);
  for (const section of elf.sections) checkSection(section);
  if (elf.symbols.length === 0) throw new ObjectError('the object has no symbol table');
  for (const symbol of elf.symbols.slice(1)) checkSymbol(symbol);
  const kept = elf.sections.filter((section) => !isDropped(section));
  const sections = kept.filter(({ type, name }) => (type === SHT_PROGBITS || type === SHT_NOBITS) && !isBtf(name));
  const btfBytes = kept.find(({ name }) => name === '.BTF')?.data;
  const extBytes = kept.find(({ name }) => name === '.BTF.ext')?.data;
  if (btfBytes !== undefined && btfBytes.length > MAX_BTF)
    throw new ObjectError(`its ${btfBytes.length} bytes are more than the ${MAX_BTF} that the kernel takes`, {
      section: '.BTF',
    });
  const btf = btfBytes === undefined ? undefined : parseBtf(btfBytes);
  const types = btf === undefined ? [] : readTypes(btf);
  return {
    file,
    elf,
    sections,
    sectionIndexes: new Map(elf.sections.toReversed().map(({ name, index }) => [name, index])),
    relocations: readRelocations(elf, sections),
    types,
    btf,
    ext: btf === undefined || extBytes === undefined ? undefined : parseBtfExt(extBytes, btf),
    globals: globalTypes(types),
  };
}

function isBtf(name: string): boolean {
  return name === '.BTF' || name === '.BTF.ext';
}

function isDropped({ name, type, size }: ElfSection): boolean {
  if (type === SHT_NULL || type === SHT_STRTAB || type === SHT_LLVM_ADDRSIG) return true;
  // Every object has a .text, used or not.
  if (type === SHT_PROGBITS && size === 0 && name === '.text') return true;
  const what = type === SHT_REL ? name.replace(/^\.rel/, '') : name;
  return what.startsWith('.debug_') || (type === SHT_REL && isBtf(what));
}

function checkSection(section: ElfSection): void {
  const { name, type, flags, size, align } = section;
  const place = { section: name };
  if (isDropped(section)) return;
  if (type !== SHT_PROGBITS && type !== SHT_NOBITS && type !== SHT_SYMTAB && type !== SHT_REL)
    throw new ObjectError(`section type ${type} cannot be linked`, place);
  if (name === '') throw new ObjectError('a section without a name cannot be linked', place);
  if (align > MAX_ALIGN || (align & (align - 1)) !== 0)
    throw new ObjectError(`its alignment ${align} is no power of 2 up to ${MAX_ALIGN}`, place);
  if (flags & SHF_EXECINSTR && size % INSN_SIZE !== 0)
    throw new ObjectError(`${size} bytes are no whole number of instructions`, place);
}

function checkSymbol({ name, index, type, bind, visibility, section, value, size }: ElfSymbol): void {
  const bad = (what: string) => new ObjectError(`symbol ${name || `#${index}`} ${what}`, { section: '.symtab' });
  if (bind > STB_WEAK) throw bad(`has binding ${bind}; local, global and weak can be linked`);
  if (visibility !== STV_DEFAULT && visibility !== STV_HIDDEN)
    throw bad(`has visibility ${visibility}; default and hidden can be linked`);
  if (type === STT_SECTION && value !== 0) throw bad(`stands for a section, but has value ${value}`);
  if (section === SHN_UNDEF && (type !== STT_NOTYPE || bind === STB_LOCAL || value !== 0 || size !== 0))
    throw bad('is not defined, but has a type, value or size, or is local');
  if (section >= SHN_LORESERVE && bind !== STB_LOCAL)
    throw bad(`is global, but in no section (0x${section.toString(16)})`);
}

function readRelocations(elf: ElfFile, sections: readonly ElfSection[]): Map<number, readonly ElfRelocation[]> {
  const targets = new Set(sections);
  const found = new Map<number, readonly ElfRelocation[]>();
  for (const table of elf.sections) {
    if (table.type !== SHT_REL || isDropped(table)) continue;
    const target = elf.sections[table.info];
    if (target === undefined || table.name !== `.rel${target.name}`)
      throw new ObjectError(`it is named otherwise than the section ${table.info} that it changes`, {
        section: table.name,
      });
    if (!targets.has(target)) continue;
    if (elf.sections[table.link]?.type !== SHT_SYMTAB || target.type !== SHT_PROGBITS || found.has(target.index))
      throw new ObjectError(`it is not the one table of relocations of ${target.name}`, { section: table.name });
    const relocations = parseRelocations(elf, table);
    for (const { offset } of relocations) {
      const isCode = (target.flags & SHF_EXECINSTR) !== 0;
      if (offset + (isCode ? INSN_SIZE : 4) > target.size || (isCode && offset % INSN_SIZE !== 0))
        throw new ObjectError(`a relocation at 0x${offset.toString(16)} hits no instruction or datum`, {
          section: target.name,
          offset,
        });
    }
    found.set(target.index, relocations);
  }
  return found;
}

function readTypes(btf: Btf): BtfType[] {
  let room = MAX_NAMES;
  return Array.from({ length: btf.typeCount }, (_, id) => {
    const type = btf.type(id);
    room -= type.name.length;
    if (type.kind === 'struct' || type.kind === 'union') for (const { name } of type.members) room -= name.length;
    if (type.kind === 'enum' || type.kind === 'enum64') for (const { name } of type.values) room -= name.length;
    if (type.kind === 'func_proto') for (const { name } of type.params) room -= name.length;
    if (room < 0)
      throw new ObjectError(`its names have more than ${MAX_NAMES} characters together`, { section: '.BTF' });
    return type;
  });
}

/** Throws ObjectError if a DATASEC lists one of two globals of the same name. */
function globalTypes(types: readonly BtfType[]): Map<string, GlobalType> {
  const found = new Map<string, GlobalType>();
  for (const [typeId, type] of types.entries()) {
    if (isGlobal(type)) found.set(type.name, { typeId, datasec: undefined });
  }
  const listed = new Map<string, GlobalType>();
  for (const type of types) {
    if (type.kind !== 'datasec') continue;
    for (const { typeId } of type.variables) {
      const { name } = types[typeId] ?? { name: '' };
      if (!isGlobal(types[typeId]) || listed.has(name)) continue;
      listed.set(name, { typeId, datasec: type.name });
    }
  }
  return new Map([...found, ...listed]);
}

/** A variable or function that other objects may see: global (1) or extern (2). */
export function isGlobal(type: BtfType | undefined): boolean {
  return (type?.kind === 'var' || type?.kind === 'func') && type.linkage !== 0;
}
