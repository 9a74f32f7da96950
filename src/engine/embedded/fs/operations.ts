import { S_IFMT, type Stat } from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import type { FdSocket } from '../fd-socket.ts';
import type { Process } from '../process.ts';
import type { Directory, Inode, Pinned } from './inode.ts';
import { MAY_READ, MAY_WRITE, mayCreate, mayDelete, ownerOf, permission } from './permission.ts';
import { child, type Place, walk, walkToEntry } from './walk.ts';

/** The system calls that work on paths. Each answers 0, or what was asked for, or -errno. */

export function stat(process: Process, path: string, follow: boolean): Stat | number {
  const at = walk(process, path, follow);
  if (typeof at === 'number') return at;
  const { inode } = at;
  return {
    mode: inode.mode,
    ino: inode.ino,
    dev: inode.fs.dev,
    nlink: inode.kind === 'directory' ? 2 + inode.subdirectories : 1,
    ...ownerOf(inode),
    size: 0,
  };
}

export function fsType(process: Process, path: string): number {
  const at = walk(process, path);
  return typeof at === 'number' ? at : at.inode.fs.magic;
}

export function readdir(process: Process, path: string): string[] | number {
  const at = walk(process, path);
  if (typeof at === 'number') return at;
  if (at.inode.kind !== 'directory') return -errno.ENOTDIR;
  const refused = permission(process.user, at.inode, MAY_READ);
  return refused === 0 ? [...at.inode.names(process)].sort() : refused;
}

export function readlink(process: Process, path: string): string | number {
  const at = walk(process, path, false);
  if (typeof at === 'number') return at;
  // In /proc a namespace is a link that leads to itself.
  if (at.inode.kind === 'netns' && at.mount.fs.type === 'proc') return `net:[${at.inode.ino}]`;
  return at.inode.kind === 'symlink' ? at.inode.target : -errno.EINVAL;
}

export function mkdir(process: Process, path: string, mode: number): number {
  const free = freeName(process, path, true);
  if (typeof free === 'number') return free;
  return mayCreate(process.user, free.directory) || free.directory.mkdir(free.name, mode & ~S_IFMT, process.user);
}

export function symlink(process: Process, target: string, path: string): number {
  if (target === '') return -errno.ENOENT;
  if (target.length >= 4096) return -errno.ENAMETOOLONG;
  const free = freeName(process, path, false);
  if (typeof free === 'number') return free;
  return mayCreate(process.user, free.directory) || free.directory.symlink(free.name, target, process.user);
}

/** What BPF_OBJ_PIN does with its path. */
export function pin(process: Process, path: string, object: Pinned): number {
  const free = freeName(process, path, false);
  if (typeof free === 'number') return free;
  if (!free.directory.pins) return -errno.EPERM;
  return mayCreate(process.user, free.directory) || free.directory.pin(free.name, object, process.user);
}

/** What bind(2) of a Unix socket does with its path. */
export function bind(process: Process, path: string, socket: FdSocket): number {
  const free = freeName(process, path, false);
  if (typeof free === 'number') return free;
  return mayCreate(process.user, free.directory) || free.directory.bind(free.name, socket, process.user);
}

export function rmdir(process: Process, path: string): number {
  const entry = walkToEntry(process, path);
  if (typeof entry === 'number') return entry;
  const { directory, name } = entry;
  if (name === undefined) {
    if (entry.dotDot) return -errno.ENOTEMPTY;
    return /(^|\/)\.\/*$/.test(path) ? -errno.EINVAL : -errno.EBUSY;
  }
  const found = directory.inode.lookup(name, process);
  if (typeof found === 'number') return found;
  const refused = mayDelete(process.user, directory.inode, found);
  if (refused !== 0) return refused;
  if (found.kind !== 'directory') return -errno.ENOTDIR;
  return process.machine.mounts.isCovered(found) ? -errno.EBUSY : directory.inode.remove(name);
}

export function unlink(process: Process, path: string): number {
  const entry = walkToEntry(process, path);
  if (typeof entry === 'number') return entry;
  const { directory, name } = entry;
  if (name === undefined) return -errno.EISDIR;
  const found = directory.inode.lookup(name, process);
  if (typeof found === 'number') return found;
  if (entry.slash) return found.kind === 'directory' ? -errno.EISDIR : -errno.ENOTDIR;
  const refused = mayDelete(process.user, directory.inode, found);
  if (refused !== 0) return refused;
  return found.kind === 'directory' ? -errno.EISDIR : directory.inode.remove(name);
}

export function rename(process: Process, from: string, to: string): number {
  const source = walkToEntry(process, from);
  if (typeof source === 'number') return source;
  const target = walkToEntry(process, to);
  if (typeof target === 'number') return target;
  if (source.directory.mount !== target.directory.mount) return -errno.EXDEV;
  if (source.name === undefined || target.name === undefined) return -errno.EBUSY;
  const moved = source.directory.inode.lookup(source.name, process);
  if (typeof moved === 'number') return moved;
  const found = child(process, target.directory, target.name);
  const replaced = found === -errno.ENOENT ? undefined : found;
  if (typeof replaced === 'number') return replaced;
  if (moved.kind !== 'directory' && (source.slash || target.slash)) return -errno.ENOTDIR;
  if (moved.kind === 'directory' && isWithin(target.directory.inode, moved)) return -errno.EINVAL;
  const refused = mayDelete(process.user, source.directory.inode, moved);
  if (replaced !== undefined) {
    const over = target.directory.inode.lookup(target.name, process);
    if (over === moved) return 0;
    if (typeof over === 'object' && over.kind === 'directory' && isWithin(source.directory.inode, over)) {
      return -errno.ENOTEMPTY;
    }
    const kept = typeof over === 'object' ? mayDelete(process.user, target.directory.inode, over) : over;
    if (refused !== 0 || kept !== 0) return refused || kept;
    if (moved.kind === 'directory' && replaced.inode.kind !== 'directory') return -errno.ENOTDIR;
    if (moved.kind !== 'directory' && replaced.inode.kind === 'directory') return -errno.EISDIR;
    if (replaced.inode !== over) return -errno.EBUSY; // something is mounted there
  }
  const denied = refused || (replaced === undefined ? mayCreate(process.user, target.directory.inode) : 0);
  if (denied !== 0) return denied;
  // Its `..` changes.
  if (moved.kind === 'directory' && source.directory.inode !== target.directory.inode) {
    const fixed = permission(process.user, moved, MAY_WRITE);
    if (fixed !== 0) return fixed;
  }
  if (moved.kind === 'directory' && process.machine.mounts.isCovered(moved)) return -errno.EBUSY;
  return source.directory.inode.rename(source.name, target.directory.inode, target.name);
}

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;

/** chmod(2): the owner's right, who cannot lend a group that is not theirs. */
export function chmod(process: Process, path: string, mode: number): number {
  const inode = changeable(process, path);
  if (typeof inode === 'number') return inode;
  const { uid, gid } = process.user;
  const owner = ownerOf(inode);
  if (uid !== 0 && uid !== owner.uid) return -errno.EPERM;
  const kept = uid !== 0 && gid !== owner.gid ? ~S_ISGID : ~0;
  inode.mode = (inode.mode & S_IFMT) | (mode & 0o7777 & kept);
  return 0;
}

/** chown(2); -1 leaves what there is. An owner may give a file to their own group, and nothing else. */
export function chown(process: Process, path: string, uid: number, gid: number): number {
  const inode = changeable(process, path);
  if (typeof inode === 'number') return inode;
  const owner = ownerOf(inode);
  const next = { uid: uid === -1 ? owner.uid : uid, gid: gid === -1 ? owner.gid : gid };
  const { user } = process;
  const isOwner = user.uid === owner.uid;
  if (user.uid !== 0 && uid !== -1 && !(isOwner && uid === owner.uid)) return -errno.EPERM;
  if (user.uid !== 0 && gid !== -1 && !(isOwner && (gid === user.gid || gid === owner.gid))) return -errno.EPERM;
  inode.owner = next;
  if (inode.kind !== 'directory') inode.mode &= ~(S_ISUID | ((inode.mode & 0o010) === 0 ? 0 : S_ISGID));
  return 0;
}

function changeable(process: Process, path: string): Inode | number {
  const at = walk(process, path);
  if (typeof at === 'number') return at;
  if (at.mount.fs.root.changeable) return at.inode;
  return process.fail(
    errno.EPERM,
    `modes and owners of a ${at.mount.fs.type} cannot be changed in the embedded kernel`,
  );
}

/** A name that nothing has yet. */
function freeName(
  process: Process,
  path: string,
  directoryWanted: boolean,
): { readonly directory: Directory; readonly name: string } | number {
  const entry = walkToEntry(process, path);
  if (typeof entry === 'number') return entry;
  const { directory, name } = entry;
  if (name === undefined) return -errno.EEXIST;
  const found: Place | number = child(process, directory, name);
  if (typeof found === 'object') return -errno.EEXIST;
  if (found !== -errno.ENOENT) return found;
  return entry.slash && !directoryWanted ? -errno.ENOENT : { directory: directory.inode, name };
}

function isWithin(directory: Directory, ancestor: Directory): boolean {
  for (let at: Directory | undefined = directory; at !== undefined; at = at.parent) if (at === ancestor) return true;
  return false;
}
