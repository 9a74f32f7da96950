import { errno } from '../../../uapi/errno.ts';
import type { Directory, Inode } from './inode.ts';

/** Who asks: a user and a group. User 0 may do anything. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

export const ROOT: User = { uid: 0, gid: 0 };

/** As in the permission bits of one class. */
export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

const STICKY = 0o1000;

/** Whose an inode is. */
export function ownerOf(inode: Inode): User {
  return inode.owner ?? ROOT;
}

/** 0, or -EACCES: by the bits of the class that the user is in, and of no other. */
export function permission({ uid, gid }: User, inode: Inode, wanted: number): number {
  if (uid === 0) return 0;
  const owner = ownerOf(inode);
  const shift = uid === owner.uid ? 6 : gid === owner.gid ? 3 : 0;
  return ((inode.mode >> shift) & wanted) === wanted ? 0 : -errno.EACCES;
}

/** Whether a name may be put into a directory. */
export function mayCreate(user: User, directory: Directory): number {
  return permission(user, directory, MAY_WRITE | MAY_EXEC);
}

/** Whether a name may be taken out of a directory: from one with the sticky bit by the owners of both alone. */
export function mayDelete(user: User, directory: Directory, inode: Inode): number {
  const refused = permission(user, directory, MAY_WRITE | MAY_EXEC);
  if (refused !== 0) return refused;
  if ((directory.mode & STICKY) === 0 || user.uid === 0) return 0;
  return user.uid === ownerOf(inode).uid || user.uid === ownerOf(directory).uid ? 0 : -errno.EPERM;
}
