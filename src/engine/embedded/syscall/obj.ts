import { BPF_F_RDONLY, BPF_F_WRONLY } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { pin } from '../fs/operations.ts';
import { MAY_READ, MAY_WRITE, permission } from '../fs/permission.ts';
import { walk } from '../fs/walk.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';

/** BPF_OBJ_PIN. Paths relative to a directory fd (BPF_F_PATH_FD) are not here: -EINVAL. */
export function objPin(process: Process, attr: CheckedAttr<'BPF_OBJ_PIN'>): number {
  if (attr.file_flags !== 0 || attr.path_fd !== 0) return -errno.EINVAL;
  const file = process.files.get(attr.bpf_fd);
  if (file?.kind !== 'map' && file?.kind !== 'prog' && file?.kind !== 'link')
    return process.fail(errno.EINVAL, 'only maps, programs and links can be pinned');
  return attr.pathname === undefined ? -errno.EFAULT : pin(process, attr.pathname, file);
}

/** BPF_OBJ_GET: the new fd or -errno. */
export function objGet(process: Process, attr: CheckedAttr<'BPF_OBJ_GET'>): number {
  const access = accessOf(attr.file_flags);
  if (typeof access === 'number' || attr.bpf_fd !== 0 || attr.path_fd !== 0) return -errno.EINVAL;
  if (attr.pathname === undefined) return -errno.EFAULT;
  const at = walk(process, attr.pathname);
  if (typeof at === 'number') return at;
  const wanted = (access.canRead ? MAY_READ : 0) | (access.canWrite ? MAY_WRITE : 0);
  const refused = permission(process.user, at.inode, wanted);
  if (refused !== 0) return refused;
  if (at.inode.kind !== 'pin') return -errno.EACCES;
  const { object } = at.inode;
  if (object.kind === 'map') return process.installMap(object.map, access);
  // A program's fd is the same whatever the flags.
  if (object.kind === 'prog') return process.install(object.prog.get());
  return access.canRead && access.canWrite ? process.installLink(object.link.get()) : -errno.EINVAL;
}

/** What BPF_F_RDONLY and BPF_F_WRONLY leave of an fd; -EINVAL for both at once and for anything else. */
export function accessOf(flags: number): { readonly canRead: boolean; readonly canWrite: boolean } | number {
  const both = BPF_F_RDONLY | BPF_F_WRONLY;
  if ((flags & ~both) !== 0 || flags === both) return -errno.EINVAL;
  return { canRead: flags !== BPF_F_WRONLY, canWrite: flags !== BPF_F_RDONLY };
}
