import { S_IFMT, type Stat } from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import type { FdSocket } from '../fd-socket.ts';
import type { Process } from '../process.ts';
import type { Directory, Pinned } from './inode.ts';
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
    uid: 0,
    gid: 0,
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
  return at.inode.kind === 'directory' ? [...at.inode.names(process)].sort() : -errno.ENOTDIR;
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
  return typeof free === 'number' ? free : free.directory.mkdir(free.name, mode & ~S_IFMT);
}

export function symlink(process: Process, target: string, path: string): number {
  if (target === '') return -errno.ENOENT;
  if (target.length >= 4096) return -errno.ENAMETOOLONG;
  const free = freeName(process, path, false);
  return typeof free === 'number' ? free : free.directory.symlink(free.name, target);
}

/** What BPF_OBJ_PIN does with its path. */
export function pin(process: Process, path: string, object: Pinned): number {
  const free = freeName(process, path, false);
  return typeof free === 'number' ? free : free.directory.pin(free.name, object);
}

/** What bind(2) of a Unix socket does with its path. */
export function bind(process: Process, path: string, socket: FdSocket): number {
  const free = freeName(process, path, false);
  return typeof free === 'number' ? free : free.directory.bind(free.name, socket);
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
  if (found.kind === 'directory') return -errno.EISDIR;
  return entry.slash ? -errno.ENOTDIR : directory.inode.remove(name);
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
  if (replaced !== undefined) {
    const over = target.directory.inode.lookup(target.name, process);
    if (over === moved) return 0;
    if (typeof over === 'object' && over.kind === 'directory' && isWithin(source.directory.inode, over)) {
      return -errno.ENOTEMPTY;
    }
    if (moved.kind === 'directory' && replaced.inode.kind !== 'directory') return -errno.ENOTDIR;
    if (moved.kind !== 'directory' && replaced.inode.kind === 'directory') return -errno.EISDIR;
    if (replaced.inode !== over) return -errno.EBUSY; // something is mounted there
  }
  if (moved.kind === 'directory' && process.machine.mounts.isCovered(moved)) return -errno.EBUSY;
  return source.directory.inode.rename(source.name, target.directory.inode, target.name);
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
