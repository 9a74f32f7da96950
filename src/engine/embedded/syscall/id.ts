import { errno } from '../../../uapi/errno.ts';
import type { IdTable } from '../ids.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';
import { accessOf } from './obj.ts';

const INT_MAX = 0x7fffffff;

/** BPF_*_GET_NEXT_ID: `next_id` becomes the smallest id above `start_id`. */
export function getNextId(table: IdTable<unknown>, attr: { readonly start_id: number; next_id: number }): number {
  if (attr.start_id >= INT_MAX) return -errno.EINVAL;
  const next = table.next(attr.start_id);
  if (next === undefined) return -errno.ENOENT;
  attr.next_id = next;
  return 0;
}

export function mapGetFdById(process: Process, attr: CheckedAttr<'BPF_MAP_GET_FD_BY_ID'>): number {
  const access = accessOf(attr.open_flags);
  if (typeof access === 'number' || attr.fd_by_id_token_fd !== 0) return -errno.EINVAL;
  const map = process.machine.maps.get(attr.map_id);
  return map === undefined ? -errno.ENOENT : process.installMap(map, access);
}

export function progGetFdById(process: Process, attr: CheckedAttr<'BPF_PROG_GET_FD_BY_ID'>): number {
  if (attr.open_flags !== 0 || attr.fd_by_id_token_fd !== 0) return -errno.EINVAL;
  const prog = process.machine.progs.get(attr.prog_id);
  return prog === undefined ? -errno.ENOENT : process.install(prog.get());
}

export function btfGetFdById(process: Process, attr: CheckedAttr<'BPF_BTF_GET_FD_BY_ID'>): number {
  if (attr.open_flags !== 0 || attr.fd_by_id_token_fd !== 0) return -errno.EINVAL;
  const btf = process.machine.btfs.get(attr.btf_id);
  return btf === undefined ? -errno.ENOENT : process.files.add({ kind: 'btf', btf: btf.get() });
}

export function linkGetFdById(process: Process, attr: CheckedAttr<'BPF_LINK_GET_FD_BY_ID'>): number {
  if (attr.open_flags !== 0 || attr.fd_by_id_token_fd !== 0) return -errno.EINVAL;
  const link = process.machine.links.get(attr.link_id);
  return link === undefined ? -errno.ENOENT : process.installLink(link.get());
}
