import { S_IFDIR, S_IFLNK, S_IFREG } from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Network } from '../net/network.ts';
import type { Process } from '../process.ts';
import { Directory, type FileSystem, type Inode } from './inode.ts';
import { netnsFile, pidNamespaceFile } from './nsfs.ts';

/** What a file system that nobody writes to consists of: a text, a link, the trace pipe, or a directory of those. */
export type Entry =
  | { readonly text: (process: Process) => string | Uint8Array; readonly mode?: number }
  | { readonly link: (process: Process) => string }
  | { readonly pipe: true }
  /** A file of nsfs, at what is in /proc a link that leads there. */
  | { readonly netns: (process: Process) => Network }
  /** Likewise for the namespace of process ids, of which there is one. */
  | { readonly pidns: true }
  | { readonly entries: Entries }
  /** A directory whose entries depend on who looks. */
  | { readonly dynamic: (process: Process) => Entries };
export type Entries = Readonly<Record<string, Entry>>;

/** A file system of these entries; they may depend on who looks. */
export function createTree(
  type: string,
  magic: number,
  dev: bigint,
  entries: Entries | ((process: Process) => Entries),
): FileSystem {
  return new TreeFileSystem(type, magic, dev, entries);
}

class TreeFileSystem implements FileSystem {
  readonly type: string;
  readonly magic: number;
  readonly dev: bigint;
  readonly options = '';
  readonly root: Directory;
  #lastIno = 0n;

  constructor(type: string, magic: number, dev: bigint, entries: Entries | ((process: Process) => Entries)) {
    this.type = type;
    this.magic = magic;
    this.dev = dev;
    this.root =
      typeof entries === 'function'
        ? new DynamicDirectory(this, undefined, entries)
        : new StaticDirectory(this, undefined, entries);
  }

  newIno(): bigint {
    return ++this.#lastIno;
  }
}

/** Keeps the inodes of its directories: something may be mounted there. */
class StaticDirectory extends Directory {
  readonly #entries: Entries;
  readonly #directories = new Map<string, Directory>();

  constructor(fs: FileSystem, parent: Directory | undefined, entries: Entries) {
    super(fs, parent, S_IFDIR | 0o755);
    this.#entries = entries;
    for (const [name, entry] of Object.entries(entries)) {
      if ('entries' in entry) this.#directories.set(name, new StaticDirectory(fs, this, entry.entries));
    }
  }

  lookup(name: string, process: Process): Inode | number {
    const directory = this.#directories.get(name);
    return directory ?? makeInode(this, this.#entries, name, process);
  }

  names(): readonly string[] {
    return Object.keys(this.#entries);
  }

  override get subdirectories(): number {
    return this.#directories.size;
  }
}

class DynamicDirectory extends Directory {
  readonly #entries: (process: Process) => Entries;

  constructor(fs: FileSystem, parent: Directory | undefined, entries: (process: Process) => Entries) {
    super(fs, parent, S_IFDIR | 0o555);
    this.#entries = entries;
  }

  lookup(name: string, process: Process): Inode | number {
    return makeInode(this, this.#entries(process), name, process);
  }

  names(process: Process): readonly string[] {
    return Object.keys(this.#entries(process));
  }
}

function makeInode(parent: Directory, entries: Entries, name: string, process: Process): Inode | number {
  const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
  if (entry === undefined) return -errno.ENOENT;
  const { fs } = parent;
  if ('dynamic' in entry) return new DynamicDirectory(fs, parent, entry.dynamic);
  if ('entries' in entry) return new DynamicDirectory(fs, parent, () => entry.entries);
  if ('netns' in entry) return netnsFile(entry.netns(process));
  if ('pidns' in entry) return pidNamespaceFile();
  const ino = fs.newIno();
  if ('pipe' in entry) return { kind: 'trace_pipe', fs, ino, mode: S_IFREG | 0o440 };
  if ('link' in entry) return { kind: 'symlink', fs, ino, mode: S_IFLNK | 0o777, target: entry.link(process) };
  return { kind: 'text', fs, ino, mode: S_IFREG | (entry.mode ?? 0o444), read: () => entry.text(process) };
}
