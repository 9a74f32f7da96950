import { errno } from '../../../uapi/errno.ts';
import type { Process } from '../process.ts';
import type { Directory, FileSystem } from './inode.ts';
import type { Place } from './walk.ts';

/** As fs.mount-max of Linux. */
const MAX_MOUNTS = 100_000;

/** A file system, or a part of it, at a place. */
export interface Mount {
  readonly fs: FileSystem;
  readonly root: Directory;
  readonly source: string;
  /** Where it is mounted; `undefined` for the first one. */
  readonly on: Place<Directory> | undefined;
}

/** What is mounted where. All processes of a machine see the same. */
export class MountTable {
  readonly #mounts: Mount[] = [];
  /** By the directory that is covered: for each mount that the directory is seen through, the mount that covers it. */
  readonly #covers = new Map<Directory, Map<Mount, Mount>>();
  readonly root: Place<Directory>;

  constructor(root: FileSystem) {
    const mount: Mount = { fs: root, root: root.root, source: root.type, on: undefined };
    this.#mounts.push(mount);
    this.root = { mount, inode: root.root };
  }

  /** Mounts `root` over the directory `on`. */
  add(fs: FileSystem, root: Directory, source: string, on: Place<Directory>): number {
    if (this.#mounts.length >= MAX_MOUNTS) return -errno.ENOSPC;
    const mount: Mount = { fs, root, source, on };
    this.#mounts.push(mount);
    const covers = this.#covers.get(on.inode) ?? new Map<Mount, Mount>();
    covers.set(on.mount, mount);
    this.#covers.set(on.inode, covers);
    return 0;
  }

  /** What one sees at a place: the root of what is mounted there, or the place itself. */
  top(place: Place): Place {
    let at = place;
    while (at.inode.kind === 'directory') {
      const mount = this.#covers.get(at.inode)?.get(at.mount);
      if (mount === undefined) break;
      at = { mount, inode: mount.root };
    }
    return at;
  }

  /** `..` */
  up(place: Place<Directory>): Place {
    let { mount, inode } = place;
    while (inode === mount.root && mount.on !== undefined) ({ mount, inode } = mount.on);
    return this.top({ mount, inode: inode === mount.root ? inode : (inode.parent ?? inode) });
  }

  /** Whether something is mounted on this directory, through whichever mount it is seen. */
  isCovered(directory: Directory): boolean {
    return this.#covers.has(directory);
  }

  /** The text of /proc/mounts. */
  list(process: Process): string {
    return this.#mounts.map((mount) => this.#line(mount, process)).join('');
  }

  #line({ fs, source, on }: Mount, process: Process): string {
    const options = fs.options === '' ? 'rw,relatime' : `rw,relatime,${fs.options}`;
    const path = on === undefined ? '/' : this.#pathOf(on, process);
    return `${octal(source === '' ? 'none' : source)} ${octal(path)} ${fs.type} ${options} 0 0\n`;
  }

  #pathOf(place: Place<Directory>, process: Process): string {
    const names: string[] = [];
    let { mount, inode } = place;
    for (;;) {
      if (inode === mount.root) {
        if (mount.on === undefined) break;
        ({ mount, inode } = mount.on);
        continue;
      }
      const { parent } = inode;
      if (parent === undefined) break;
      names.unshift(parent.names(process).find((name) => parent.lookup(name, process) === inode) ?? '(gone)');
      inode = parent;
    }
    return `/${names.join('/')}`;
  }
}

/** Blanks and backslashes as octal numbers: /proc/mounts is split at blanks. */
function octal(text: string): string {
  return text.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
