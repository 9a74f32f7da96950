import type { Btf, BtfComposite, BtfMember, BtfType } from '../btf/index.ts';
import { type ElfRelocation, type ElfSection, STT_FUNC } from '../elf/index.ts';
import { NotSupportedError, ObjectError, type Place } from '../errors.ts';
import type { MapType } from '../uapi/bpf.ts';
import { isCode, type ObjectFile } from './file.ts';
import { mapTypeOf } from './legacy-maps.ts';
import { kernelName } from './name.ts';
import { unwrapped } from './newtype.ts';
import { between, byOffset } from './range.ts';
import { ringEntries } from './ring.ts';
import type { MapSlot, MapSpec } from './spec.ts';

/** The maps of a `.maps` section: global variables whose struct type spells out the attributes in its members' types. */
export function parseBtfMaps(file: ObjectFile, section: ElfSection): MapSpec[] {
  const { btf } = file;
  const id = btf?.find('datasec', section.name);
  if (btf === undefined || id === undefined) {
    throw new ObjectError('its maps are defined by BTF, but the object has none for it; compile with -g', {
      section: section.name,
    });
  }
  const datasec = btf.type(id);
  if (datasec.kind !== 'datasec') return [];
  const relocations = byOffset(file.relocations.get(section.index) ?? []);
  const names = new Map(datasec.variables.map(({ typeId, offset }) => [offset, btf.type(typeId).name]));
  const target = (relocation: ElfRelocation) => slotTarget(file, section, names, relocation);
  let end = 0;
  return datasec.variables.map(({ typeId, offset, size }) => {
    const place = { section: section.name, offset };
    const variable = btf.type(typeId);
    if (variable.kind !== 'var' || variable.name === '') throw new ObjectError(`type ${typeId} is no variable`, place);
    const struct = unwrapped(btf, variable.typeId);
    if (struct.kind !== 'struct')
      throw new ObjectError(`map ${variable.name} is a ${struct.kind}, not a struct`, place);
    if (offset + size > section.size || struct.size > size)
      throw new ObjectError(`map ${variable.name} reaches past the end of the section`, place);
    if (offset < end) throw new ObjectError(`map ${variable.name} overlaps with the one before it`, place);
    end = offset + size;
    if (variable.linkage === 0) throw new ObjectError(`map ${variable.name} is static; maps must be global`, place);
    const map = new Definition(btf, variable.name, place).parse(struct, {
      relocations: between(relocations, offset, offset + size).map((r) => ({ ...r, offset: r.offset - offset })),
      target,
    });
    if (typeof map.pinning === 'object')
      file.notes.push(
        `map ${map.name} has pinning ${map.pinning.custom}, which only its own loader knows: it is not pinned`,
      );
    return map;
  });
}

/** What fills the slots of a definition, by the offset in it. An inner definition has none. */
interface Contents {
  readonly relocations: readonly ElfRelocation[];
  target(relocation: ElfRelocation): { readonly map: string } | { readonly program: string };
}

function slotTarget(
  { elf }: ObjectFile,
  section: ElfSection,
  maps: ReadonlyMap<number, string>,
  { offset, symbol }: ElfRelocation,
): { map: string } | { program: string } {
  const map = symbol.section === section.index ? maps.get(symbol.value) : undefined;
  if (map !== undefined) return { map };
  const code = elf.sections[symbol.section];
  if (symbol.type === STT_FUNC && code !== undefined && isCode(code)) return { program: symbol.name };
  throw new ObjectError(`${symbol.name || 'a symbol'} in a map's definition is neither a map nor a program`, {
    section: section.name,
    offset,
  });
}

/** One definition under way. Each member is an attribute by its name. */
class Definition {
  readonly #btf: Btf;
  readonly #name: string;
  readonly #place: Place & { section: string };
  #type: MapType | undefined;
  readonly #numbers: Record<(typeof NUMBERS)[number], number> = {
    max_entries: 0,
    map_flags: 0,
    numa_node: 0,
    pinning: 0,
  };
  #numa = false;
  #mapExtra = 0n;
  readonly #sizes: { key: number | undefined; value: number | undefined } = { key: undefined, value: undefined };
  readonly #types = { key: 0, value: 0 };
  #inner: MapSpec | undefined;
  /** Bytes from the start of the definition; `undefined` without `values`. */
  #valuesOffset: number | undefined;

  constructor(btf: Btf, name: string, place: Place & { section: string }) {
    this.#btf = btf;
    this.#name = name;
    this.#place = place;
  }

  parse(struct: BtfComposite, contents?: Contents): MapSpec {
    const isInner = contents === undefined;
    for (const member of struct.members) this.#attribute(member, isInner);
    const type = this.#type;
    if (type === undefined) throw this.#bad('has no type');
    const { max_entries, map_flags, numa_node, pinning } = this.#numbers;
    return {
      name: this.#name,
      kernelName: kernelName(this.#name),
      style: 'btf',
      type,
      keySize: this.#sizes.key ?? 0,
      valueSize: this.#sizes.value ?? 0,
      maxEntries: ringEntries(type, max_entries),
      flags: map_flags,
      mapExtra: this.#mapExtra,
      numaNode: this.#numa ? numa_node : undefined,
      pinning: pinning === 0 ? 'none' : pinning === 1 ? 'by_name' : { custom: pinning },
      id: 0,
      innerId: 0,
      innerIdx: 0,
      inner: this.#inner,
      slots: contents === undefined ? [] : this.#slots(contents),
      keyTypeId: this.#types.key,
      valueTypeId: this.#types.value,
      initial: undefined,
      frozen: false,
    };
  }

  #attribute(member: BtfMember, isInner: boolean): void {
    switch (member.name) {
      case 'type':
        this.#type = mapTypeOf(this.#number(member), this.#name, this.#place);
        return;
      case 'max_entries':
      case 'map_flags':
      case 'numa_node':
      case 'pinning':
        if (member.name === 'pinning' && isInner) throw this.#bad('is an inner map, which cannot be pinned');
        this.#numbers[member.name] = this.#number(member);
        if (member.name === 'numa_node') this.#numa = true;
        return;
      case 'key_size':
      case 'value_size':
        this.#setSize(member.name === 'key_size' ? 'key' : 'value', this.#number(member));
        return;
      case 'key':
      case 'value': {
        const target = this.#pointee(member);
        this.#setSize(member.name, this.#btf.size(target));
        this.#types[member.name] = target;
        return;
      }
      case 'map_extra':
        this.#mapExtra = this.#extra(member);
        return;
      case 'values':
        this.#values(member, isInner);
        return;
      default:
        throw this.#bad(`has an attribute ${member.name}, which is not known`);
    }
  }

  /** `int (*name)[N]`: the number is the array's length. */
  #number(member: BtfMember): number {
    const array = this.#btf.resolve(this.#pointee(member));
    if (array.kind !== 'array') throw this.#bad(`has ${member.name} not written as __uint(${member.name}, N)`);
    return array.length;
  }

  #pointee(member: BtfMember): number {
    const pointer = this.#btf.resolve(member.typeId);
    if (pointer.kind !== 'ptr') throw this.#bad(`has ${member.name} not written with __uint, __type or __array`);
    return pointer.typeId;
  }

  #extra(member: BtfMember): bigint {
    const type: BtfType = this.#btf.resolve(member.typeId);
    if (type.kind === 'ptr') return BigInt(this.#number(member));
    const [only] = type.kind === 'enum' || type.kind === 'enum64' ? type.values : [];
    if (only === undefined) throw this.#bad('has map_extra not written as __uint or __ulong');
    return BigInt.asUintN(64, only.value);
  }

  /** `__array(values, …)`: the inner map of a map of maps, or the programs of a prog array. */
  #values(member: BtfMember, isInner: boolean): void {
    const array = this.#btf.resolve(member.typeId);
    const pointer = array.kind === 'array' ? this.#btf.resolve(array.typeId) : undefined;
    if (array.kind !== 'array' || array.length !== 0 || pointer?.kind !== 'ptr')
      throw this.#bad('has values not written as __array(values, …)');
    this.#setSize('value', 4);
    this.#valuesOffset = member.bitOffset / 8;
    const target = this.#btf.resolve(pointer.typeId);
    if (target.kind === 'func_proto') return;
    if (target.kind !== 'struct') throw this.#bad('has values that are neither maps nor programs');
    if (isInner) throw new NotSupportedError(`map ${this.#name}: a map of maps of maps`);
    this.#inner = new Definition(this.#btf, `${this.#name}.inner`, this.#place).parse(target);
  }

  #setSize(what: 'key' | 'value', size: number): void {
    const known = this.#sizes[what];
    if (known !== undefined && known !== size) throw this.#bad(`says its ${what} has ${known} bytes and ${size}`);
    this.#sizes[what] = size;
  }

  #slots({ relocations, target }: Contents): MapSlot[] {
    return relocations.map((relocation) => {
      const index = (relocation.offset - (this.#valuesOffset ?? relocation.offset + 1)) / 8;
      if (index < 0 || !Number.isInteger(index)) throw this.#bad('has an address where none can be');
      const slot = target(relocation);
      const isOuter = this.#inner !== undefined;
      if ('map' in slot !== isOuter)
        throw this.#bad(`holds ${isOuter ? 'maps' : 'programs'}, but slot ${index} is given something else`);
      return { index, ...slot };
    });
  }

  #bad(what: string): ObjectError {
    return new ObjectError(`map ${this.#name} ${what}`, this.#place);
  }
}

const NUMBERS = ['max_entries', 'map_flags', 'numa_node', 'pinning'] as const;
