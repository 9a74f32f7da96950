import { errno } from '../../../uapi/errno.ts';
import { BPF_F_REPLACE } from '../../../uapi/link.ts';
import { StructOpsLink } from '../links/struct-ops-link.ts';
import { StructOpsMap } from '../maps/struct-ops.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';

/** BPF_LINK_CREATE of a struct of functions: the fd of a link, or -errno. */
export function createStructOpsLink(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const map = process.map(attr.map_fd);
  if (typeof map === 'number') return map;
  if (!(map instanceof StructOpsMap) || !map.isReady) return -errno.EINVAL;
  const link = new StructOpsLink(map);
  const result = link.attach(map);
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}

/** BPF_LINK_UPDATE: another struct in one step. */
export function updateStructOpsLink(
  process: Process,
  link: StructOpsLink,
  { flags, new_map_fd: next, old_map_fd: old }: CheckedAttr<'BPF_LINK_UPDATE'>,
): number {
  const map = process.map(next);
  if (typeof map === 'number') return map;
  const replaces = (flags & BPF_F_REPLACE) !== 0;
  if (!replaces && old !== 0) return -errno.EINVAL;
  const expected = replaces ? process.map(old) : undefined;
  if (typeof expected === 'number') return expected;
  if (!(map instanceof StructOpsMap) || !map.isReady) return -errno.EINVAL;
  if (expected !== undefined && !(expected instanceof StructOpsMap)) return -errno.EPERM;
  return link.updateMap(map, expected);
}
