export * from './constants.ts';
export {
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  parseElf,
  parseRelocations,
} from './elf.ts';
export { functionOffset, functionOffsets } from './functions.ts';
export { type UsdtPlace, type UsdtProbe, usdtProbe } from './usdt.ts';
export {
  type ElfContents,
  FIRST_SECTION,
  type RelocationContents,
  type SectionContents,
  type SymbolContents,
  writeElf,
} from './write.ts';
