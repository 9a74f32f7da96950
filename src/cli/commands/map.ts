import { u32Bytes } from '../../bytes/plain.ts';
import { BpfError, UsageError } from '../../errors.ts';
import type { MapInfo } from '../../loader/info.ts';
import { listMaps } from '../../loader/info.ts';
import { BpfMap, type UpdateMode } from '../../loader/map.ts';
import { list } from '../../loader/share.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { MAP_TYPES, mapTypeNumber } from '../../uapi/bpf.ts';
import { command } from '../command.ts';
import { hexRow } from '../format.ts';
import { MAP, parseBytes, selectMap, selectMaps, selectProgram } from '../selectors.ts';
import type { Words } from '../words.ts';
import {
  type DumpedMap,
  dumpMap,
  dumpText,
  entryJson,
  entryText,
  type MapEntry,
  missText,
  readEntry,
} from './map-entry.ts';

export const mapShow = command<{ maps: MapInfo[]; single: boolean }>({
  path: ['map', 'show'],
  usage: `[${MAP}]`,
  about: 'lists the maps of the kernel',
  run({ kernel }, words) {
    if (words.done) return { maps: [...listMaps(kernel)], single: false };
    const maps = selectMaps(kernel, words, { readOnly: true });
    words.end();
    const infos = maps.map((map) => map.info);
    for (const map of maps) map.close();
    return { maps: infos, single: infos.length === 1 };
  },
  text: ({ maps }) => maps.map(mapText).join('\n'),
  json: ({ maps, single }) => (single ? maps.map(mapJson)[0] : maps.map(mapJson)),
});

function mapText(map: MapInfo): string {
  const name = map.name === '' ? '' : `  name ${map.name}`;
  const memlock = map.memlock === undefined ? '' : `  memlock ${map.memlock}B`;
  const lines = [
    `${map.id}: ${map.type}${name}  flags 0x${map.flags.toString(16)}`,
    `\tkey ${map.keySize}B  value ${map.valueSize}B  max_entries ${map.maxEntries}${memlock}`,
  ];
  if (map.ownerProgType !== undefined) {
    lines.push(`\towner_prog_type ${map.ownerProgType}  owner ${map.ownerJited === true ? '' : 'not '}jited`);
  }
  const last = [...(map.btfId === undefined ? [] : [`btf_id ${map.btfId}`]), ...(map.frozen ? ['frozen'] : [])];
  if (last.length > 0) lines.push(`\t${last.join('  ')}`);
  return lines.join('\n');
}

function mapJson(map: MapInfo): object {
  return {
    id: map.id,
    type: map.type,
    name: map.name === '' ? undefined : map.name,
    flags: map.flags,
    bytes_key: map.keySize,
    bytes_value: map.valueSize,
    max_entries: map.maxEntries,
    bytes_memlock: map.memlock,
    owner_prog_type: map.ownerProgType,
    owner_jited: map.ownerJited,
    frozen: map.frozen ? 1 : 0,
    btf_id: map.btfId,
  };
}

export const mapCreate = command<undefined>({
  path: ['map', 'create'],
  usage: 'FILE type TYPE key BYTES value BYTES entries N name NAME [flags FLAGS] [inner_map MAP]',
  about: 'makes a map and pins it',
  run({ kernel }, words) {
    const path = words.next('the path to pin the map at');
    const attr = { map_type: 0, key_size: 0, value_size: 0, max_entries: 0, map_name: '', map_flags: 0 };
    let inner: BpfMap | undefined;
    const seen = new Set<string>();
    while (!words.done) {
      const what = words.expect('type', 'key', 'value', 'entries', 'name', 'flags', 'inner_map');
      if (seen.has(what)) throw new UsageError(`${what} is given twice`);
      seen.add(what);
      if (what === 'type') attr.map_type = mapType(words.next('the type of the map'));
      if (what === 'key') attr.key_size = words.number('the size of the key');
      if (what === 'value') attr.value_size = words.number('the size of the value');
      if (what === 'entries') attr.max_entries = words.number('the number of entries');
      if (what === 'name') attr.map_name = mapName(words.next('the name of the map'));
      if (what === 'flags') attr.map_flags = words.number('the flags of the map');
      if (what === 'inner_map') inner = selectMap(kernel, words);
    }
    for (const required of ['type', 'name']) if (!seen.has(required)) throw new UsageError(`${required} is missing`);
    const fd = kernel.bpf('BPF_MAP_CREATE', { ...attr, ...(inner && { inner_map_fd: inner.fd }) });
    using map = new BpfMap(kernel, fd);
    map.pin(path);
    inner?.close();
    return undefined;
  },
  text: () => '',
});

function mapType(word: string): number {
  const type = MAP_TYPES.find((name) => name === word);
  if (type === undefined || type === 'unspec')
    throw new UsageError(`unrecognized map type: ${word}; known are ${list(MAP_TYPES.slice(1))}`);
  return mapTypeNumber[type];
}

function mapName(word: string): string {
  if (/^[A-Za-z0-9_.]{1,15}$/.test(word)) return word;
  throw new UsageError(`'${word}' is no name for a map: 1 to 15 characters of A-Z, a-z, 0-9, _ and .`);
}

export const mapDump = command<DumpedMap[]>({
  path: ['map', 'dump'],
  usage: MAP,
  about: 'prints all entries of a map',
  run({ kernel }, words) {
    const maps = selectMaps(kernel, words, { readOnly: true });
    words.end();
    const dumped = maps.map(dumpMap);
    for (const map of maps) map.close();
    return dumped;
  },
  text: (maps) => maps.map(dumpText).join('\n'),
  json: (maps) =>
    maps.length === 1
      ? maps[0]?.entries.map(entryJson)
      : maps.map((map) => ({ ...mapJson(map.info), elements: map.entries.map(entryJson) })),
});

export const mapLookup = command<{ key: Uint8Array; entry: MapEntry | undefined }>({
  path: ['map', 'lookup'],
  usage: `${MAP} [key DATA]`,
  about: 'prints one entry of a map; DATA is one byte a word, or `hex` and hex digits',
  run({ kernel }, words) {
    using map = selectMap(kernel, words, { readOnly: true });
    const key = keyOf(map, words);
    words.end();
    return { key, entry: readEntry(map, key) };
  },
  text: ({ key, entry }) => (entry === undefined ? missText(key) : entryText(entry)),
  json: ({ entry }) => (entry === undefined ? null : entryJson(entry)),
  missed: ({ entry }) => entry === undefined,
});

export const mapUpdate = command<undefined>({
  path: ['map', 'update'],
  usage: `${MAP} [key DATA] [value {DATA | MAP | PROG}] [any | noexist | exist]`,
  about: 'creates or replaces an entry',
  run({ kernel }, words) {
    using map = selectMap(kernel, words);
    let key: Uint8Array | undefined;
    let value: Uint8Array | undefined;
    let mode: UpdateMode = 'any';
    while (!words.done) {
      const what = words.expect('key', 'value', 'any', 'noexist', 'exist');
      if (what === 'key') key = parseBytes(words, map.info.keySize, 'key');
      else if (what === 'value') value = updateValue(kernel, map, words);
      else mode = what;
    }
    if (key === undefined && map.info.keySize > 0) throw new UsageError(`key is missing: ${map.info.keySize} bytes`);
    if (value === undefined) throw new UsageError(`value is missing: ${map.info.valueSize} bytes`);
    map.setBytes(key ?? new Uint8Array(0), value, mode);
    return undefined;
  },
  text: () => '',
});

export const mapDelete = command<undefined>({
  path: ['map', 'delete'],
  usage: `${MAP} key DATA`,
  about: 'deletes an entry',
  run({ kernel }, words) {
    using map = selectMap(kernel, words);
    const key = keyOf(map, words);
    words.end();
    if (!map.deleteBytes(key)) throw new BpfError('ENOENT', `${map.label} has nothing under this key`);
    return undefined;
  },
  text: () => '',
});

export const mapGetNext = command<{ key: Uint8Array | undefined; next: Uint8Array }>({
  path: ['map', 'getnext'],
  usage: `${MAP} [key DATA]`,
  about: 'prints the key that follows; without a key, the first',
  run({ kernel }, words) {
    using map = selectMap(kernel, words, { readOnly: true });
    const key = words.done ? undefined : keyOf(map, words);
    words.end();
    const next = new Uint8Array(map.info.keySize);
    kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: map.fd, next_key: next, ...(key && { key }) });
    return { key, next };
  },
  text: ({ key, next }) => `key:${key === undefined ? ' None' : `\n${hexRow(key)}`}\nnext key:\n${hexRow(next)}`,
  json: ({ key, next }) => ({ key: key ?? null, next_key: next }),
});

export const mapPin = command<undefined>({
  path: ['map', 'pin'],
  usage: `${MAP} FILE`,
  about: 'keeps a map in bpffs',
  run({ kernel }, words) {
    using map = selectMap(kernel, words);
    const path = words.next('the path to pin the map at');
    words.end();
    map.pin(path);
    return undefined;
  },
  text: () => '',
});

export const mapFreeze = command<undefined>({
  path: ['map', 'freeze'],
  usage: MAP,
  about: 'lets no system call change the map any more',
  run({ kernel }, words) {
    using map = selectMap(kernel, words);
    words.end();
    map.freeze();
    return undefined;
  },
  text: () => '',
});

function keyOf(map: BpfMap, words: Words): Uint8Array {
  const { keySize } = map.info;
  if (keySize === 0) return new Uint8Array(0);
  words.expect('key');
  return parseBytes(words, keySize, 'key');
}

/** A value: bytes; for maps of maps and program arrays, a selector of what goes in. Per-CPU maps get the bytes in each CPU's slot. */
function updateValue(kernel: Kernel, map: BpfMap, words: Words): Uint8Array {
  const { type, valueSize } = map.info;
  if (type === 'array_of_maps' || type === 'hash_of_maps') return u32Bytes(selectMap(kernel, words).fd); // open until the command ends
  if (type === 'prog_array') return u32Bytes(selectProgram(kernel, words).fd);
  const bytes = parseBytes(words, valueSize, 'value');
  if (!map.perCpu) return bytes;
  const all = new Uint8Array(map.valueBytes);
  for (const slot of map.cpuSlots(all)) slot.set(bytes);
  return all;
}
