import type { Btf, BtfComposite } from '../btf/index.ts';
import { Cursor } from '../bytes/cursor.ts';
import { type ElfSection, type ElfSymbol, STT_NOTYPE, STT_OBJECT } from '../elf/index.ts';
import { ObjectError, type Place } from '../errors.ts';
import { MAP_TYPES, type MapType } from '../uapi/bpf.ts';
import type { ObjectFile } from './file.ts';
import { kernelName } from './name.ts';
import type { MapSpec, MapStyle, Pinning } from './spec.ts';

/**
 * The records of a `maps` section: arrays of 32-bit words of which the first five mean the same in both styles.
 *
 *     word           0     1         2           3            4      5              6          7         8
 *     bpf_elf_map    type  size_key  size_value  max_elem     flags  id             pinning    inner_id  inner_idx
 *     bpf_map_def    type  key_size  value_size  max_entries  flags  (zero, or of no meaning to a kernel)
 *
 * tc has grown its struct from 16 to 36 bytes and reads shorter records as if zeros followed, libbpf takes longer ones whose tail is zero.
 * (The first versions of tc's struct, 20 and 24 bytes long, had no flags and `id` in word 4: no reader can tell them from later ones, and today's tc
 * reads them as later ones too.)
 */
const ELF_MAP_MAX = 36;
const MIN_RECORD = 16;
/** tc takes 64, libbpf more. */
const MAX_MAPS = 1024;

type LegacyStyle = Extract<MapStyle, 'bpf_elf_map' | 'bpf_map_def'>;

export function parseLegacyMaps(file: ObjectFile, section: ElfSection): MapSpec[] {
  const symbols = mapSymbols(file, section);
  const length = recordLength(section, symbols);
  const style = decideStyle(file, section, symbols, length);
  return symbols.map((symbol) => parseRecord(file, section, symbol, length, style));
}

/** The named symbols of a map section, by offset. */
export function mapSymbols({ symbols }: ObjectFile, section: ElfSection): ElfSymbol[] {
  return (symbols.get(section.index) ?? [])
    .filter((s) => s.name !== '' && (s.type === STT_OBJECT || s.type === STT_NOTYPE))
    .sort((a, b) => a.value - b.value);
}

function recordLength(section: ElfSection, symbols: readonly ElfSymbol[]): number {
  const place = { section: section.name };
  if (symbols.length === 0) throw new ObjectError('it has no symbols, so nothing says which maps it defines', place);
  if (symbols.length > MAX_MAPS)
    throw new ObjectError(`it defines ${symbols.length} maps; ${MAX_MAPS} are the most that make sense`, place);
  // Symbols have sizes unless an assembler left them out; then the records must share the section evenly.
  const [first] = symbols;
  const length = first !== undefined && first.size > 0 ? first.size : section.size / symbols.length;
  for (const [i, { name, value, size }] of symbols.entries()) {
    if (size > 0 && size !== length) {
      throw new ObjectError(
        `map ${name} is a struct of ${size} bytes, but the first one has ${length}; one section can hold only one kind of struct`,
        {
          ...place,
          offset: value,
        },
      );
    }
    if (value !== i * length) {
      throw new ObjectError(
        `map ${name} does not start at a multiple of ${length} bytes, the size of the structs in this section`,
        { ...place, offset: value },
      );
    }
  }
  if (length * symbols.length !== section.size) {
    throw new ObjectError(
      `${symbols.length} maps of ${length} bytes do not fill its ${section.size} bytes; is a map without a symbol in it?`,
      place,
    );
  }
  if (length < MIN_RECORD || length % 4 !== 0) {
    throw new ObjectError(
      `structs of ${length} bytes are neither bpf_elf_map nor bpf_map_def (${MIN_RECORD} bytes at least, a multiple of 4)`,
      place,
    );
  }
  return length;
}

/** Which struct the records are: BTF knows; else their length and content tell, or do not matter. */
function decideStyle(
  file: ObjectFile,
  section: ElfSection,
  symbols: readonly ElfSymbol[],
  length: number,
): LegacyStyle {
  const known =
    file.btf && symbols.map((symbol) => styleByBtf(file.btf, symbol.name)).find((style) => style !== undefined);
  if (known !== undefined) return known;
  const words = new Cursor(section.data, file.elf.littleEndian, { section: section.name });
  const tails = symbols.map((_, i) => {
    words.offset = i * length + 20;
    return Array.from({ length: Math.max(0, length - 20) / 4 }, () => words.u32());
  });
  const note = (why: string) => file.notes.push(`section ${section.name}: ${why}`);
  if (length > ELF_MAP_MAX) {
    const bad = tails.findIndex((tail) => tail.some((word) => word !== 0));
    if (bad >= 0) {
      throw new ObjectError(
        `map ${symbols[bad]?.name} is a struct of ${length} bytes with values that no known struct has`,
        {
          section: section.name,
          offset: bad * length,
        },
      );
    }
    return 'bpf_map_def';
  }
  if (length <= 20) {
    note(
      `structs of ${length} bytes without BTF; bpf_map_def and bpf_elf_map mean the same at this length, and pin nothing`,
    );
    return 'bpf_map_def';
  }
  if (length === ELF_MAP_MAX) return 'bpf_elf_map';
  if (tails.every((tail) => tail.every((word) => word === 0))) {
    note(`structs of ${length} bytes without BTF, zero after the flags: read as bpf_map_def`);
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
  const struct = type?.kind === 'var' ? btf?.resolve(type.typeId) : undefined;
  if (struct?.kind !== 'struct') return undefined;
  if (struct.name === 'bpf_elf_map' || hasMember(struct, 'size_key')) return 'bpf_elf_map';
  return struct.name === 'bpf_map_def' || hasMember(struct, 'key_size') ? 'bpf_map_def' : undefined;
}

function hasMember(struct: BtfComposite, name: string): boolean {
  return struct.members.some((member) => member.name === name);
}

function parseRecord(
  { btf, elf }: ObjectFile,
  section: ElfSection,
  symbol: ElfSymbol,
  length: number,
  style: LegacyStyle,
): MapSpec {
  const place = { section: section.name, offset: symbol.value };
  const cursor = new Cursor(
    section.data.subarray(symbol.value, symbol.value + Math.min(length, ELF_MAP_MAX)),
    elf.littleEndian,
    place,
  );
  const word = () => (cursor.left >= 4 ? cursor.u32() : 0);
  const type = mapTypeOf(word(), symbol.name, place);
  const [keySize, valueSize, maxEntries, flags] = [word(), word(), word(), word()];
  const isElf = style === 'bpf_elf_map';
  const [id, pinning, innerId, innerIdx] = isElf ? [word(), word(), word(), word()] : [0, 0, 0, 0];
  return {
    name: symbol.name,
    kernelName: kernelName(symbol.name),
    style,
    type,
    keySize,
    // tc sends 4 for a map of maps whatever the object says.
    valueSize: type === 'array_of_maps' || type === 'hash_of_maps' ? 4 : valueSize,
    maxEntries,
    flags,
    mapExtra: 0n,
    numaNode: undefined,
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
