import { sha1 } from '@noble/hashes/legacy.js';
import { toHex } from '../bytes/hex.ts';
import { plainBytes } from '../bytes/plain.ts';
import { cString } from '../bytes/struct.ts';
import type { ElfSection } from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import { arenaSpec } from './arena.ts';
import { parseBtfMaps } from './btf-maps.ts';
import { dataKind, findSection, isBtfMaps, isLegacyMaps, type ObjectFile, readObjectFile } from './file.ts';
import { type CodeUnit, readFunctions } from './functions.ts';
import { internalMap, kconfigMap } from './internal-maps.ts';
import { mapSymbols, parseLegacyMaps } from './legacy-maps.ts';
import { Linker, type MapPlaces } from './link.ts';
import { type SectionRule, sectionRule } from './section.ts';
import type { MapSpec, ObjectSpec, ProgramSpec } from './spec.ts';
import { isStructOps, parseStructOps } from './struct-ops.ts';
import { typeTailCalls } from './tail-calls.ts';

/**
 * Reads a compiled eBPF object: maps of all three styles, programs with what they call, globals. Pure: the same bytes give the same spec anywhere.
 *
 * `file` is for messages and for the names derived from it; `name` overrides the object's name (default: `file` up to its first dot, 15 characters).
 * Throws ObjectError with file, section and offset if the bytes are damaged.
 */
export function parseObject(bytes: Uint8Array, options: { file?: string; name?: string } = {}): ObjectSpec {
  const file = options.file ?? '(bytes)';
  try {
    // A Buffer's `slice` shares memory where a Uint8Array's copies: from here on it is the latter.
    return parse(plainBytes(bytes), file, options.name ?? objectName(file));
  } catch (error) {
    if (error instanceof ObjectError) throw error.at({ file });
    throw error;
  }
}

function parse(bytes: Uint8Array, file: string, name: string): ObjectSpec {
  const parts = readObjectFile(bytes);
  const { elf, btf, notes } = parts;
  const definitions = new Map<ElfSection, readonly MapSpec[]>();
  const legacy = parseLegacyMaps(parts, elf.sections.filter(isLegacyMaps));
  for (const section of elf.sections) {
    const maps = legacy.get(section);
    if (maps !== undefined) definitions.set(section, maps);
    if (isBtfMaps(section)) definitions.set(section, parseBtfMaps(parts, section));
  }
  if (definitions.size > 1) {
    notes.push(
      `maps are defined in several sections (${[...definitions.keys()].map((s) => s.name).join(', ')}); all are read`,
    );
  }
  const internal = elf.sections
    .filter((section) => dataKind(section) !== undefined)
    .map((section) => internalMap(parts, name, section));
  const arena = arenaSpec(parts, [...definitions.values()].flat());
  const places = { ...mapPlaces(parts, definitions), arena: arena?.map };
  const structOps = elf.sections.filter(isStructOps).flatMap((section) => parseStructOps(parts, section));
  const maps = [...definitions.values()].flat().concat(internal, kconfigMap(parts, name) ?? [], structOps);
  checkNames(maps);
  return {
    name,
    file,
    sha1: toHex(sha1(bytes)),
    byteOrder: elf.littleEndian ? 'little' : 'big',
    license: license(parts),
    kernVersion: kernelVersion(parts),
    programs: typeTailCalls(readPrograms(parts, places), maps),
    maps,
    ...(arena !== undefined && { arena }),
    externs: parts.externs,
    btf,
    notes,
  };
}

/** libbpf's name for a file: the base name up to the first dot, 15 characters at most. */
function objectName(file: string): string {
  const base = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
  return (base.split('.')[0] ?? '').slice(0, 15);
}

function readPrograms(parts: ObjectFile, maps: MapPlaces): ProgramSpec[] {
  const functions = readFunctions(parts);
  const linker = new Linker(parts, functions, maps);
  const all = [...functions.values()].flat();
  // `.text` holds what programs call, unless there is nothing else to be a program.
  const entries = all.filter((unit) => unit.section.name !== '.text' && !isSubprogram(unit));
  return (entries.length > 0 ? entries : all).map((unit) => programSpec(unit, linker));
}

function programSpec(unit: CodeUnit, linker: Linker): ProgramSpec {
  const rule = ruleOf(unit);
  return {
    name: unit.name,
    section: unit.section.name.replace(MANUAL, ''),
    type: rule?.type,
    attachType: rule?.attachType,
    flags: rule?.flags ?? 0,
    autoload: !MANUAL.test(unit.section.name),
    ...linker.link(unit),
  };
}

/** Of what is called, only what others may want as well, and a section that says what for, make a program. */
function isSubprogram(unit: CodeUnit): boolean {
  return unit.called && !(unit.global && ruleOf(unit) !== undefined);
}

/** Before the name of a section whose programs are not loaded unless somebody asks. */
const MANUAL = /^\?/;

function ruleOf({ section }: CodeUnit): SectionRule | undefined {
  return sectionRule(section.name.replace(MANUAL, ''));
}

function mapPlaces(
  parts: ObjectFile,
  definitions: ReadonlyMap<ElfSection, readonly MapSpec[]>,
): Omit<MapPlaces, 'arena'> {
  const bySection = new Map<number, ReadonlyMap<number, MapSpec>>();
  for (const [section, maps] of definitions) {
    const offsets = isLegacyMaps(section) ? mapSymbols(parts, section) : (parts.symbols.get(section.index) ?? []);
    const byName = new Map(maps.map((map) => [map.name, map]));
    bySection.set(
      section.index,
      new Map(
        offsets.flatMap(({ name, value }) => {
          const map = byName.get(name);
          return map === undefined ? [] : [[value, map] as const];
        }),
      ),
    );
  }
  return {
    at: (section, offset) => bySection.get(section)?.get(offset),
    isMapSection: (section) => bySection.has(section),
  };
}

/** Maps are found by name, so a name must say which. */
function checkNames(maps: readonly MapSpec[]): void {
  const seen = new Set<string>();
  for (const { name } of maps) {
    if (seen.has(name)) throw new ObjectError(`two maps are called ${name}`);
    seen.add(name);
  }
}

/** tc takes 128 bytes of it, libbpf 63. */
function license({ elf }: ObjectFile): string {
  const section = findSection(elf, 'license');
  return section === undefined ? '' : cString(section.data.subarray(0, 127));
}

function kernelVersion({ elf }: ObjectFile): number {
  const section = findSection(elf, 'version');
  if (section === undefined || section.size === 0) return 0;
  if (section.data.length !== 4)
    throw new ObjectError(`its ${section.size} bytes are no kernel version; 4 are expected`, { section: 'version' });
  return new DataView(section.data.buffer, section.data.byteOffset).getUint32(0, elf.littleEndian);
}
