import type { Btf } from '../../../btf/index.ts';
import { BPF_F_INNER_MAP, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BpfMap, Descriptors, MapAttr } from './map.ts';

/** What they hold belongs to programs. */
const NOT_INNER: ReadonlySet<number> = new Set(
  (['prog_array', 'cgroup_storage', 'percpu_cgroup_storage'] as const).map((name) => mapTypeNumber[name]),
);
const OF_MAPS: ReadonlySet<number> = new Set([mapTypeNumber.array_of_maps, mapTypeNumber.hash_of_maps]);
/** Programs compute with their size, so it has to be that of the template. */
const OF_ONE_SIZE: ReadonlySet<number> = new Set([mapTypeNumber.array, mapTypeNumber.percpu_array]);

/** Whether maps like this one can be in a map: 0 or -errno. */
export function checkInner({ attr }: BpfMap): number {
  if (OF_MAPS.has(attr.type)) return -errno.EINVAL;
  return NOT_INNER.has(attr.type) ? -errno.ENOTSUPP : 0;
}

/** What an outer map asks of the maps that go into it: those facts of its template that programs were checked against. */
export class InnerMeta {
  readonly #template: MapAttr;
  /** The types of the template's values. */
  readonly btf: Btf | undefined;

  constructor({ inner }: MapAttr) {
    if (inner === undefined) throw new Error('embedded kernel: a map of maps without a template');
    // Not the map itself: it may go before the outer one does.
    const { type, keySize, valueSize, maxEntries, flags, mapExtra, name, fields, valueTypeId, btf } = inner.attr;
    this.btf = btf?.btf;
    this.#template = {
      type,
      keySize,
      valueSize,
      maxEntries,
      flags,
      mapExtra,
      name,
      btf: undefined,
      keyTypeId: 0,
      valueTypeId,
      ...(fields && { fields }),
    };
  }

  /** What the maps are like; `btf` is not held. */
  get template(): MapAttr {
    return this.#template;
  }

  /** The map of an fd if it may go in, else -EBADF, or -EINVAL. Without a reference of its own. */
  admitted(fd: number, from: Descriptors): BpfMap | number {
    const map = from.map(fd);
    if (typeof map === 'number') return map;
    return this.#equals(map.attr) ? map : -errno.EINVAL;
  }

  #equals({ type, keySize, valueSize, maxEntries, flags }: MapAttr): boolean {
    const like = this.#template;
    const anySize = !OF_ONE_SIZE.has(type) || (like.flags & BPF_F_INNER_MAP) !== 0;
    return (
      type === like.type &&
      keySize === like.keySize &&
      valueSize === like.valueSize &&
      flags === like.flags &&
      (anySize || maxEntries === like.maxEntries)
    );
  }
}
