import type { Btf, BtfComposite } from '../btf/index.ts';
import { Cursor } from '../bytes/cursor.ts';
import { type ElfSection, type ElfSymbol, STT_NOTYPE, STT_OBJECT } from '../elf/index.ts';
import { ObjectError, type Place } from '../errors.ts';
import { BPF_F_NUMA_NODE, MAP_TYPES, type MapType } from '../uapi/bpf.ts';
import type { ObjectFile } from './file.ts';
import { kernelName } from './name.ts';
import { unwrapped } from './newtype.ts';
import type { MapSpec, MapStyle, Pinning } from './spec.ts';

/**
 * The records of a `maps` section: arrays of 32-bit words of which the first five mean the same in all styles.
 *
 *     word           0     1         2           3            4      5              6          7         8
 *     bpf_elf_map    type  size_key  size_value  max_elem     flags  id             pinning    inner_id  inner_idx
 *     bpf_map_def    type  key_size  value_size  max_entries  flags  inner_map_idx  numa_node  (of no meaning to a kernel)
 *
 * tc has grown its struct from 16 to 36 bytes and reads shorter records as if zeros followed; libbpf's ends after the flags, the two words after them
 * are those of the kernel's samples, and other loaders keep there what only they know.
 * (The first versions of tc's struct, 20 and 24 bytes long, had no flags and `id` in word 4: no reader can tell them from later ones, and today's tc
 * reads them as later ones too.)
 */
const ELF_MAP_MAX = 36;
const MIN_RECORD = 16;
/** tc takes 64, libbpf more. */
const MAX_MAPS = 1024;
/** What all styles have: the words up to the flags. Bytes. */
const COMMON = 20;

type LegacyStyle = Extract<MapStyle, 'bpf_elf_map' | 'bpf_map_def'>;

/** One definition. */
interface MapRecord {
  readonly section: ElfSection;
  readonly symbol: ElfSymbol;
  /** What its symbol covers, or what there is up to the next one. */
  readonly data: Uint8Array;
  /** Those of the table above, as far as the record goes. */
  readonly words: readonly number[];
}

/** The maps of all legacy sections, by section. */
export function parseLegacyMaps(
  file: ObjectFile,
  sections: readonly ElfSection[],
): ReadonlyMap<ElfSection, readonly MapSpec[]> {
  const records = new Map(sections.map((section) => [section, readRecords(file, section)]));
  const maps = new Map(
    [...records].map(([section, own]) => {
      const style = decideStyle(file, section, own);
      return [section, own.map((record) => parseRecord(file, record, style))];
    }),
  );
  return withInnerMaps(records, maps);
}

/** The named symbols of a map section, by offset. */
export function mapSymbols({ symbols }: ObjectFile, section: ElfSection): ElfSymbol[] {
  return (symbols.get(section.index) ?? [])
    .filter((s) => s.name !== '' && (s.type === STT_OBJECT || s.type === STT_NOTYPE))
    .sort((a, b) => a.value - b.value);
}

/** Each record has a length of its own: a linker puts together what several files call a map. */
function readRecords(file: ObjectFile, section: ElfSection): MapRecord[] {
  const place = { section: section.name };
  const symbols = mapSymbols(file, section);
  if (symbols.length === 0) throw new ObjectError('it has no symbols, so nothing says which maps it defines', place);
  if (symbols.length > MAX_MAPS)
    throw new ObjectError(`it defines ${symbols.length} maps; ${MAX_MAPS} are the most that make sense`, place);
  // Of several names of one map the first counts.
  const named = symbols.filter(({ value }, i) => value !== symbols[i - 1]?.value);
  return named.map((symbol, i) => {
    const { name, value, size } = symbol;
    const room = (named[i + 1]?.value ?? section.size) - value;
    // Symbols have sizes unless the compiler (before clang 7) or an assembler left them out.
    const length = size > 0 ? size : room;
    if (length > room) {
      throw new ObjectError(
        `map ${name} of ${length} bytes reaches past the ${room} up to the next map or the end of the section`,
        { ...place, offset: value },
      );
    }
    if (length < MIN_RECORD || value % 4 !== 0) {
      throw new ObjectError(
        `map ${name} of ${length} bytes is neither bpf_elf_map nor bpf_map_def (${MIN_RECORD} bytes at least, on a multiple of 4)`,
        { ...place, offset: value },
      );
    }
    const data = section.data.subarray(value, value + length);
    return { section, symbol, data, words: readWords(data, file.elf.littleEndian) };
  });
}

function readWords(data: Uint8Array, littleEndian: boolean): number[] {
  const cursor = new Cursor(data, littleEndian);
  return Array.from({ length: Math.min(data.length, ELF_MAP_MAX) >> 2 }, () => cursor.u32());
}

/** Which struct the records are: BTF knows; else their length and content tell, or do not matter. */
function decideStyle(file: ObjectFile, section: ElfSection, records: readonly MapRecord[]): LegacyStyle {
  const known =
    file.btf && records.map(({ symbol }) => styleByBtf(file.btf, symbol.name)).find((style) => style !== undefined);
  if (known !== undefined) return known;
  const length = Math.max(...records.map(({ data }) => data.length));
  const note = (why: string) => file.notes.push(`section ${section.name}: ${why}`);
  if (length <= COMMON) {
    note(
      `structs of ${length} bytes without BTF; bpf_map_def and bpf_elf_map mean the same at this length, and pin nothing`,
    );
    return 'bpf_map_def';
  }
  if (length === ELF_MAP_MAX) return 'bpf_elf_map';
  const hasTail = records.some(({ data }) => data.subarray(COMMON).some((byte) => byte !== 0));
  if (length > ELF_MAP_MAX) {
    if (hasTail) note(`structs of ${length} bytes: read as bpf_map_def; what follows the flags is of no known meaning`);
    return 'bpf_map_def';
  }
  if (!hasTail) {
    note(`structs of ${length} bytes without BTF, zero after the flags: read as bpf_map_def`);
    return 'bpf_map_def';
  }
  // When tc's struct was that short, tc had no maps of maps.
  if (length < 32 && records.some((record) => isOuter(recordType(record)))) {
    note(`structs of ${length} bytes without BTF: read as the bpf_map_def with inner_map_idx after the flags`);
    return 'bpf_map_def';
  }
  note(
    `structs of ${length} bytes without BTF: read as tc's bpf_elf_map (id, pinning after the flags); compile with -g to be sure`,
  );
  return 'bpf_elf_map';
}

function styleByBtf(btf: Btf | undefined, name: string): LegacyStyle | undefined {
  const variable = btf?.find('var', name);
  const type = variable === undefined ? undefined : btf?.type(variable);
  const struct = btf !== undefined && type?.kind === 'var' ? unwrapped(btf, type.typeId) : undefined;
  if (struct?.kind !== 'struct') return undefined;
  if (struct.name === 'bpf_elf_map' || hasMember(struct, 'size_key')) return 'bpf_elf_map';
  return struct.name === 'bpf_map_def' || hasMember(struct, 'key_size') ? 'bpf_map_def' : undefined;
}

function hasMember(struct: BtfComposite, name: string): boolean {
  return struct.members.some((member) => member.name === name);
}

function parseRecord({ btf }: ObjectFile, record: MapRecord, style: LegacyStyle): MapSpec {
  const { symbol, words } = record;
  const [, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0, ...tail] = words;
  const type = recordType(record);
  const isElf = style === 'bpf_elf_map';
  const [id = 0, pinning = 0, innerId = 0, innerIdx = 0] = isElf ? tail : [];
  const [, numaNode = 0] = isElf ? [] : tail;
  return {
    name: symbol.name,
    kernelName: kernelName(symbol.name),
    style,
    type,
    keySize,
    // tc sends 4 for a map of maps whatever the object says.
    valueSize: isOuter(type) ? 4 : valueSize,
    maxEntries,
    flags,
    mapExtra: 0n,
    numaNode: isElf || (flags & BPF_F_NUMA_NODE) === 0 ? undefined : numaNode,
    pinning: pinningOf(pinning),
    id,
    innerId,
    innerIdx,
    inner: undefined,
    slots: [],
    ...annotatedTypes(btf, symbol.name),
    initial: undefined,
    frozen: false,
  };
}

/** `inner_map_idx` counts all legacy maps of the object. The map that it leads to is the template of the map of maps. */
function withInnerMaps(
  records: ReadonlyMap<ElfSection, readonly MapRecord[]>,
  maps: ReadonlyMap<ElfSection, readonly MapSpec[]>,
): ReadonlyMap<ElfSection, readonly MapSpec[]> {
  const all = [...maps.values()].flat();
  const complete = (map: MapSpec, record: MapRecord | undefined): MapSpec => {
    const inner = all[record?.words[COMMON / 4] ?? -1];
    const fits = map.style === 'bpf_map_def' && isOuter(map.type) && inner !== undefined && !isOuter(inner.type);
    return fits ? { ...map, inner } : map;
  };
  return new Map(
    [...maps].map(([section, own]) => [section, own.map((map, i) => complete(map, records.get(section)?.[i]))]),
  );
}

function recordType({ section, symbol, words: [type = 0] }: MapRecord): MapType {
  return mapTypeOf(type, symbol.name, { section: section.name, offset: symbol.value });
}

function isOuter(type: MapType): boolean {
  return type === 'array_of_maps' || type === 'hash_of_maps';
}

export function mapTypeOf(type: number, map: string, place: Place): MapType {
  const name = MAP_TYPES[type];
  if (name !== undefined && name !== 'unspec') return name;
  throw new ObjectError(`map ${map} has type ${type}, which Linux 6.18 does not know`, place);
}

function pinningOf(pinning: number): Pinning {
  if (pinning === 0) return 'none';
  if (pinning === 1) return 'object_ns';
  return pinning === 2 ? 'global_ns' : { custom: pinning };
}

/** The convention by which tc and old libbpf find a map's types: a struct `____btf_map_NAME { key; value; }`. */
function annotatedTypes(btf: Btf | undefined, name: string): { keyTypeId: number; valueTypeId: number } {
  const id = btf?.find('struct', `____btf_map_${name}`);
  const struct = id === undefined ? undefined : btf?.type(id);
  const [key, value, more] = struct?.kind === 'struct' ? struct.members : [];
  if (key?.name !== 'key' || value?.name !== 'value' || more !== undefined) return { keyTypeId: 0, valueTypeId: 0 };
  return { keyTypeId: key.typeId, valueTypeId: value.typeId };
}
