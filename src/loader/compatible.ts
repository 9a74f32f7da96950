import { layoutDifference } from '../btf/index.ts';
import type { MapDifference } from '../errors.ts';
import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import type { MapType } from '../uapi/bpf.ts';
import { BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY } from '../uapi/bpf.ts';
import type { MapInfo } from './info.ts';
import type { MapTypes } from './map-types.ts';

/** What makes two maps the same to a program that was compiled for one of them. */
export type MapShape = Pick<MapInfo, 'type' | 'keySize' | 'valueSize' | 'maxEntries' | 'flags' | 'mapExtra'>;

/** Types to which the kernel adds a flag of its own: a devmap asked for with flags 0 reports 0x80. */
const KERNEL_ADDS: Partial<Record<MapType, number>> = { devmap: BPF_F_RDONLY_PROG, devmap_hash: BPF_F_RDONLY_PROG };

/** The fields in which `found` is not what the definition asks for; empty if it can be used. */
export function mapDifferences(wanted: MapSpec | MapShape, found: MapShape): MapDifference[] {
  // RDONLY and WRONLY restrict the creator's fd only; the kernel does not keep them.
  const ignored = BPF_F_RDONLY | BPF_F_WRONLY | ((typeof found.type === 'string' && KERNEL_ADDS[found.type]) || 0);
  const fields: MapDifference[] = [
    { field: 'type', wanted: wanted.type, found: found.type },
    { field: 'key_size', wanted: wanted.keySize, found: found.keySize },
    { field: 'value_size', wanted: wanted.valueSize, found: found.valueSize },
    { field: 'max_entries', wanted: wanted.maxEntries, found: found.maxEntries },
    { field: 'map_flags', wanted: hex(wanted.flags & ~ignored), found: hex(found.flags & ~ignored) },
    { field: 'map_extra', wanted: wanted.mapExtra, found: found.mapExtra },
  ];
  return fields.filter((field) => field.wanted !== field.found);
}

/** What an existing map is to a definition: `diff` is why it cannot stand for it, `warnings` what is doubtful if it does. */
export interface Comparison {
  readonly diff: readonly MapDifference[];
  /** Fields of the same size that mean something else to the two; differences if `strict`. */
  readonly warnings: readonly MapDifference[];
}

/** `types` are those of the existing map; they are asked for only if it has the right shape. */
export function compareMaps(
  object: Pick<ObjectSpec, 'btf'>,
  map: MapSpec,
  found: MapShape,
  types: () => MapTypes | undefined,
  strict: boolean,
): Comparison {
  const diff = mapDifferences(map, found);
  if (diff.length > 0) return { diff, warnings: [] };
  const layout = layoutDifferences(object, map, types());
  return strict ? { diff: layout, warnings: [] } : { diff, warnings: layout };
}

/**
 * Where keys and values of the same size mean something else to the object than to the map's maker, by the BTF of both; empty if one of them has none.
 * No kernel compares this: two structs with the same size and other fields share a map without a word.
 */
function layoutDifferences(
  object: Pick<ObjectSpec, 'btf'>,
  map: MapSpec,
  found: MapTypes | undefined,
): MapDifference[] {
  const { btf } = object;
  if (btf === undefined || found === undefined) return [];
  const parts = [
    ['key', map.keyTypeId, found.keyTypeId],
    ['value', map.valueTypeId, found.valueTypeId],
  ] as const;
  return parts.flatMap(([part, wantedId, foundId]) => {
    if (wantedId === 0 || foundId === 0) return [];
    const different = layoutDifference(btf, wantedId, found.btf, foundId);
    return different === undefined
      ? []
      : [{ field: `layout of ${part}${different.path}`, wanted: different.a, found: different.b }];
  });
}

function hex(n: number): string {
  return `0x${(n >>> 0).toString(16)}`;
}
