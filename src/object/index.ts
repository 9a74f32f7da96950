export { parseBtfFile } from './btf-file.ts';
export { type CoreRelocated, relocateCore } from './core.ts';
export { parseCoreRelocations } from './core-file.ts';
export { findProgram } from './find.ts';
export { parseObject } from './parse.ts';
export { programTypeOf, type SectionRule, sectionRule } from './section.ts';
export type {
  CoreReference,
  InfoRecords,
  MapReference,
  MapSlot,
  MapSpec,
  MapStyle,
  ObjectSpec,
  Pinning,
  ProgramSpec,
} from './spec.ts';
export { tailCallSection } from './tail-calls.ts';
