import { PATH_MAX } from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Process } from '../process.ts';
import type { Directory, Inode } from './inode.ts';
import type { Mount, MountTable } from './mounts.ts';
import { MAY_EXEC, permission } from './permission.ts';

const NAME_MAX = 255;
/** Symbolic links on the way to one file. */
const MAX_LINKS = 40;

/** Somewhere in the tree of mounts. */
export interface Place<I extends Inode = Inode> {
  readonly mount: Mount;
  readonly inode: I;
}

/** The last name of a path and the directory that it is, or would be, in. */
export interface Entry {
  readonly directory: Place<Directory>;
  /** `undefined`: the path ends with `/`, `.` or `..` and so has no name of its own. */
  readonly name: string | undefined;
  /** `..` as the last component: calls say something else for it than for `.`. */
  readonly dotDot: boolean;
  /** Nothing but a directory can be meant: the path ends with a slash. */
  readonly slash: boolean;
}

/** What the path leads to, symbolic links followed (the last one too, if `follow`). -errno otherwise. */
export function walk(process: Process, path: string, follow = true): Place | number {
  return new Walk(process).path(process.machine.mounts.root, path, follow);
}

/** The directory of a path's last name, for calls that make or take away names. -errno if it does not exist. */
export function walkToEntry(process: Process, path: string): Entry | number {
  const refused = checkPath(path);
  if (refused !== 0) return refused;
  const trimmed = path.replace(/\/+$/, '');
  const at = trimmed.lastIndexOf('/');
  const last = trimmed.slice(at + 1);
  const dotDot = last === '..';
  const named = last !== '' && last !== '.' && !dotDot;
  const directory = new Walk(process).path(process.machine.mounts.root, `${trimmed.slice(0, at + 1)}.`, true);
  if (typeof directory === 'number') return directory;
  if (directory.inode.kind !== 'directory') return -errno.ENOTDIR;
  return {
    directory: { mount: directory.mount, inode: directory.inode },
    name: named ? last : undefined,
    dotDot,
    slash: trimmed !== path,
  };
}

/** What has this name in a directory, with what is mounted on it. */
export function child(process: Process, { mount, inode }: Place<Directory>, name: string): Place | number {
  const found = inode.lookup(name, process);
  // A file system may have a word to say about the name first, as bpffs has.
  if (name.length > NAME_MAX && found === -errno.ENOENT) return -errno.ENAMETOOLONG;
  return typeof found === 'number' ? found : process.machine.mounts.top({ mount, inode: found });
}

function checkPath(path: string): number {
  if (path === '') return -errno.ENOENT;
  return path.length >= PATH_MAX ? -errno.ENAMETOOLONG : 0;
}

class Walk {
  readonly #process: Process;
  readonly #mounts: MountTable;
  #links = 0;

  constructor(process: Process) {
    this.#process = process;
    this.#mounts = process.machine.mounts;
  }

  path(from: Place, path: string, follow: boolean): Place | number {
    const refused = checkPath(path);
    if (refused !== 0) return refused;
    let at: Place = path.startsWith('/') ? this.#mounts.root : from;
    const names = path.split('/').filter((name) => name !== '');
    const directoryWanted = path.endsWith('/');
    for (const [i, name] of names.entries()) {
      const last = i === names.length - 1;
      const next = this.#step(at, name, !last || follow || directoryWanted);
      if (typeof next === 'number') return next;
      at = next;
    }
    return directoryWanted && at.inode.kind !== 'directory' ? -errno.ENOTDIR : at;
  }

  #step(at: Place, name: string, follow: boolean): Place | number {
    if (at.inode.kind !== 'directory') return -errno.ENOTDIR;
    const refused = permission(this.#process.user, at.inode, MAY_EXEC);
    if (refused !== 0) return refused;
    if (name === '.') return at;
    if (name === '..') return this.#mounts.up({ mount: at.mount, inode: at.inode });
    const found = child(this.#process, { mount: at.mount, inode: at.inode }, name);
    if (typeof found === 'number' || found.inode.kind !== 'symlink' || !follow) return found;
    if (++this.#links > MAX_LINKS) return -errno.ELOOP;
    return this.path(at, found.inode.target, true);
  }
}
