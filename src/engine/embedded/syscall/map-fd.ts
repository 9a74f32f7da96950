import { errno } from '../../../uapi/errno.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Process } from '../process.ts';

/** What a call on a map's fd is going to do with the map. */
export type Access = 'read' | 'write' | 'read and write';

/** The map of an fd that may be used in this way; -EBADF, -EINVAL for an fd of something else, -EPERM if it may not. */
export function mapOfFd(process: Process, fd: number, access: Access): BpfMap | number {
  const file = process.files.get(fd);
  if (file === undefined) return -errno.EBADF;
  if (file.kind !== 'map') return process.fail(errno.EINVAL, `fd ${fd} is no map`);
  const { map } = file;
  if (access !== 'write' && !file.canRead) return process.fail(errno.EPERM, 'the fd is write-only');
  if (access !== 'read' && !file.canWrite) return process.fail(errno.EPERM, 'the fd is read-only');
  if (access !== 'read' && map.frozen) return process.fail(errno.EPERM, `map ${map.id} is frozen`);
  return map;
}
