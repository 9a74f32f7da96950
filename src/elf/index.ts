export * from './constants.ts';
export {
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  parseElf,
  parseRelocations,
} from './elf.ts';
export { functionOffset } from './functions.ts';
