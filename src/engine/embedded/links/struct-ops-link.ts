import type { StructValue } from '../../../bytes/struct.ts';
import { linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { StructOpsMap } from '../maps/struct-ops.ts';
import { Link } from './link.ts';

/** A struct of functions that is registered as long as the link is there. It holds the map. */
export class StructOpsLink extends Link {
  readonly type = linkTypeNumber.struct_ops;
  /** `undefined`: it was detached, or never registered. */
  #map: StructOpsMap | undefined;

  constructor(map: StructOpsMap) {
    super(map.machine, undefined);
  }

  /** 0 or -errno. */
  attach(map: StructOpsMap): number {
    const result = map.ops.kind.register(map);
    if (result === 0) this.#map = map.get();
    return result;
  }

  /** Links of this type have maps. */
  override update(): number {
    return -errno.EINVAL;
  }

  /** BPF_LINK_UPDATE. `old`: the map that it must have. */
  updateMap(map: StructOpsMap, old: StructOpsMap | undefined): number {
    if (this.#map === undefined) return -errno.ENOLINK;
    if (old !== undefined && old !== this.#map) return -errno.EPERM;
    if (map.ops.kind !== this.#map.ops.kind) return -errno.EINVAL;
    const result = map.ops.kind.update(map, this.#map);
    if (result !== 0) return result;
    this.#map.put();
    this.#map = map.get();
    return 0;
  }

  override detach(): void {
    const map = this.#map;
    this.#map = undefined;
    map?.ops.kind.unregister(map);
    map?.put();
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    return { 'struct_ops.map_id': this.#map?.id ?? 0 };
  }
  override fdinfo(): readonly (readonly [string, string | number | bigint])[] {
    return this.#map === undefined ? [] : [['map_id', this.#map.id]];
  }
}
