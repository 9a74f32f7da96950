import type { MapInfo } from '../../loader/info.ts';
import type { BpfMap } from '../../loader/map.ts';
import { hexRow } from '../format.ts';
import { formatJson } from '../json.ts';

/** One entry of a map as it was read, with what BTF makes of it. */
export interface MapEntry {
  readonly key: Uint8Array;
  /** One slot, or one for each CPU. */
  readonly slots: readonly Uint8Array[];
  readonly perCpu: boolean;
  /** The type of what the value names by id: maps of maps. */
  readonly innerMapId: number | undefined;
  readonly formatted: { readonly key?: unknown; readonly value: unknown } | undefined;
}

export interface DumpedMap {
  readonly info: MapInfo;
  readonly typed: boolean;
  readonly entries: readonly MapEntry[];
}

/** `undefined` if the entry has vanished or is an empty slot. */
export function readEntry(map: BpfMap, key: Uint8Array): MapEntry | undefined {
  const value = map.getBytes(key);
  if (value === undefined) return undefined;
  const isOuter = map.info.type === 'array_of_maps' || map.info.type === 'hash_of_maps';
  return {
    key,
    slots: map.perCpu ? map.cpuSlots(value) : [value],
    perCpu: map.perCpu,
    innerMapId: isOuter ? new DataView(value.buffer, value.byteOffset).getUint32(0, true) : undefined,
    formatted: map.typed ? formatEntry(map, key, value) : undefined,
  };
}

function formatEntry(map: BpfMap, key: Uint8Array, bytes: Uint8Array): MapEntry['formatted'] {
  const value = plain(map.decodeValue(bytes));
  const section = sectionName(map);
  if (section === undefined || typeof value !== 'object' || value === null)
    return { key: plain(map.decodeKey(key)), value };
  return { value: { [section]: Object.entries(value).map(([name, part]) => ({ [name]: part })) } };
}

/** Of a map that holds a section's variables: the section's name in its BTF. Such a map has no type for its key. */
function sectionName({ types }: BpfMap): string | undefined {
  if (types === undefined || types.keyTypeId !== 0) return undefined;
  const type = types.btf.resolve(types.valueTypeId);
  return type.kind === 'datasec' ? type.name : undefined;
}

export function dumpMap(map: BpfMap): DumpedMap {
  const entries = [...map.keysBytes()].flatMap((key) => readEntry(map, key) ?? []);
  return { info: map.info, typed: map.typed, entries };
}

/** As bpftool: JSON-like where BTF is known, else hex with the number of entries. */
export function dumpText(map: DumpedMap): string {
  if (map.typed)
    return formatJson(
      map.entries.map((entry) => entry.formatted),
      true,
    );
  const found = `Found ${map.entries.length} element${map.entries.length === 1 ? '' : 's'}`;
  return [...map.entries.map(entryText), found].join('\n');
}

export function entryText(entry: MapEntry): string {
  if (entry.formatted !== undefined) return formatJson(entry.formatted, true);
  if (entry.innerMapId !== undefined) return `key: ${hexRow(entry.key)}  inner_map_id: ${entry.innerMapId}`;
  if (entry.perCpu) {
    const slots = entry.slots.map(
      (slot, cpu) => `value (CPU ${String(cpu).padStart(2, '0')}):${gap(slot)}${hexRow(slot)}`,
    );
    return [`key:\n${hexRow(entry.key)}`, ...slots].join('\n');
  }
  const [value = new Uint8Array(0)] = entry.slots;
  const oneLine = entry.key.length + value.length <= 24 && entry.key.length <= 16 && value.length <= 16;
  const key = `key:${gap(entry.key)}${hexRow(entry.key)}`;
  return `${key}${oneLine ? '  ' : '\n'}value:${gap(value)}${hexRow(value)}`;
}

export function entryJson(entry: MapEntry): object {
  const { key, slots, perCpu, innerMapId, formatted } = entry;
  return {
    key,
    ...(perCpu ? { values: slots.map((value, cpu) => ({ cpu, value })) } : { value: slots[0] }),
    inner_map_id: innerMapId,
    formatted,
  };
}

/** What bpftool prints of a key that has nothing under it. */
export function missText(key: Uint8Array): string {
  return `key:\n${hexRow(key)}\n\nNot found`;
}

function gap(bytes: Uint8Array): string {
  return bytes.length > 16 ? '\n' : ' ';
}

/** bpftool shows pointers, and bytes that BTF cannot make anything of, as texts. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? Array.from(value, (byte) => `0x${byte.toString(16).padStart(2, '0')}`) : value;
}
