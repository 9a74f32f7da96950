import type { Btf } from '../../btf/index.ts';
import { attachTypeNumber } from '../../uapi/bpf.ts';
import { saying } from '../calls.ts';
import type { MapInfo } from '../info.ts';
import { type BpfLink, holdLink } from '../link.ts';
import type { BpfMap } from '../map.ts';

/**
 * Registers the struct of functions in a map of type struct_ops that was made with BPF_F_LINK and filled, for as long as the link (Linux >= 6.4).
 * {@link BpfLink.update} exchanges it for another map in one step.
 */
export function attachStructOps(map: BpfMap): BpfLink {
  const { kernel } = map;
  const fd = saying(`of ${map.label}`, () =>
    kernel.bpf('BPF_LINK_CREATE', { map_fd: map.fd, attach_type: attachTypeNumber.struct_ops }),
  );
  return holdLink(map, fd);
}

/**
 * Takes a struct of functions out of force that was registered without a link. Throws SysError: ENOENT if it is not registered, EOPNOTSUPP if it is for a
 * link.
 */
export function unregisterStructOps(map: BpfMap): void {
  saying(`of ${map.label}`, () => map.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd: map.fd, key: new Uint8Array(4) }));
}

/** What the kernel calls the struct of a struct_ops map, e.g. `tcp_congestion_ops`. Of a module's struct only the number is known. */
export function structOpsName(types: Btf, { structTypeId }: MapInfo): string {
  const name = structTypeId < types.typeCount ? types.type(structTypeId).name : '';
  return name.startsWith('bpf_struct_ops_') ? name.slice('bpf_struct_ops_'.length) : `type ${structTypeId}`;
}
