import { S_IFDIR, S_IFLNK, S_IFREG, S_IFSOCK, TMPFS_MAGIC } from '../../../sys/kernel.ts';
import { BPF_FS_MAGIC } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { FdSocket } from '../fd-socket.ts';
import { bpffsOptionsText, parseBpffsOptions } from './bpffs-options.ts';
import { Directory, type FileSystem, type Inode, type Pinned } from './inode.ts';
import { ownerOf, type User } from './permission.ts';
import type { Preloaded } from './preload.ts';

/** Nobody changes the umask of a process here. */
const UMASK = 0o022;
const STICKY = 0o1000;
const S_ISGID = 0o2000;
/** Of one file system: no caller can fill the memory of all with names. */
const MAX_INODES = 131072;

interface Rules {
  readonly type: 'bpf' | 'tmpfs';
  readonly magic: number;
  /** Whether BPF objects can be pinned. */
  readonly pins: boolean;
  /** Whether names may have a dot in them: bpffs keeps those for itself. */
  readonly dots: boolean;
}
const BPFFS: Rules = { type: 'bpf', magic: BPF_FS_MAGIC, pins: true, dots: false };
const TMPFS: Rules = { type: 'tmpfs', magic: TMPFS_MAGIC, pins: false, dots: true };

/** A new bpffs: every mount has its own. `data` as of mount(2), see {@link parseBpffsOptions}. -errno for a value that is none. */
export function createBpffs(dev: bigint, data = '', preloaded: Preloaded = {}): FileSystem | number {
  const options = parseBpffsOptions(data);
  if (typeof options === 'number') return options;
  const { uid, gid, mode } = options;
  const fs = new MemoryFileSystem(BPFFS, dev, bpffsOptionsText(options), mode | STICKY, preloaded);
  fs.root.owner = { uid, gid };
  return fs;
}

/** What is behind `/`: directories and symbolic links to mount on. */
export function createTmpfs(dev: bigint): FileSystem {
  return new MemoryFileSystem(TMPFS, dev, '', 0o755);
}

class MemoryFileSystem implements FileSystem {
  readonly type: string;
  readonly magic: number;
  readonly dev: bigint;
  readonly options: string;
  readonly root: Directory;
  #lastIno = 0n;
  #inodes = 0;

  constructor(rules: Rules, dev: bigint, options: string, mode: number, preloaded: Preloaded = {}) {
    this.type = rules.type;
    this.magic = rules.magic;
    this.dev = dev;
    this.options = options;
    const root = new MemoryDirectory(this, undefined, S_IFDIR | mode, rules);
    root.preload(preloaded);
    this.root = root;
  }

  newIno(): bigint {
    return ++this.#lastIno;
  }

  get full(): boolean {
    return this.#inodes >= MAX_INODES;
  }
  count(change: 1 | -1): void {
    this.#inodes += change;
  }
}

class MemoryDirectory extends Directory {
  readonly #rules: Rules;
  readonly #store: MemoryFileSystem;
  readonly #children = new Map<string, Inode>();
  #subdirectories = 0;

  constructor(fs: MemoryFileSystem, parent: Directory | undefined, mode: number, rules: Rules) {
    super(fs, parent, mode);
    this.#rules = rules;
    this.#store = fs;
  }

  lookup(name: string): Inode | number {
    const found = this.#children.get(name);
    if (found !== undefined) return found;
    return this.#rules.dots || !name.includes('.') ? -errno.ENOENT : -errno.EPERM;
  }

  names(): readonly string[] {
    return [...this.#children.keys()];
  }

  /** Names with a dot, which nobody else can make, nor take away. They do not count. */
  preload(files: Preloaded): void {
    for (const [name, read] of Object.entries(files))
      this.#children.set(name, { kind: 'text', fs: this.fs, ino: this.fs.newIno(), mode: S_IFREG | 0o400, read });
  }

  override mkdir(name: string, mode: number, user: User): number {
    if (this.#store.full) return -errno.ENOSPC;
    const permissions = (mode & (0o777 | STICKY) & ~UMASK) | (this.mode & S_ISGID);
    const made = new MemoryDirectory(this.#store, this, S_IFDIR | permissions, this.#rules);
    made.owner = this.#ownerOfNew(user);
    return this.#add(name, made);
  }

  override symlink(name: string, target: string, user: User): number {
    if (this.#store.full) return -errno.ENOSPC;
    return this.#add(name, { kind: 'symlink', ...this.#new(S_IFLNK | 0o777, user), target });
  }

  override get changeable(): boolean {
    return true;
  }
  override get pins(): boolean {
    return this.#rules.pins;
  }

  override pin(name: string, object: Pinned, user: User): number {
    if (this.#store.full) return -errno.ENOSPC;
    hold(object);
    return this.#add(name, { kind: 'pin', ...this.#new(S_IFREG | (0o600 & ~UMASK), user), object });
  }

  override bind(name: string, socket: FdSocket, user: User): number {
    if (this.#rules.pins) return -errno.EPERM;
    if (this.#store.full) return -errno.ENOSPC;
    return this.#add(name, { kind: 'socket', ...this.#new(S_IFSOCK | (0o777 & ~UMASK), user), socket });
  }

  override remove(name: string): number {
    const found = this.#children.get(name);
    if (found === undefined) return -errno.ENOENT;
    if (found.kind === 'text') return -errno.EPERM;
    if (found instanceof MemoryDirectory && found.#children.size > 0) return -errno.ENOTEMPTY;
    this.#detach(name, found);
    if (found.kind === 'pin') release(found.object);
    return 0;
  }

  override rename(name: string, to: Directory, toName: string): number {
    const moved = this.#children.get(name);
    if (moved === undefined) return -errno.ENOENT;
    if (moved.kind === 'text') return -errno.EPERM;
    if (!(to instanceof MemoryDirectory)) return -errno.EXDEV;
    const replaced = to.#children.get(toName);
    if (replaced === moved) return 0;
    if (replaced !== undefined) {
      const refused = to.remove(toName);
      if (refused !== 0) return refused;
    }
    this.#detach(name, moved);
    if (moved.kind === 'directory') moved.parent = to;
    return to.#add(toName, moved);
  }

  override get subdirectories(): number {
    return this.#subdirectories;
  }

  #new(mode: number, user: User) {
    return { fs: this.fs, ino: this.fs.newIno(), mode, owner: this.#ownerOfNew(user) };
  }

  /** A directory with S_ISGID hands its group on. */
  #ownerOfNew({ uid, gid }: User): User {
    return { uid, gid: (this.mode & S_ISGID) === 0 ? gid : ownerOf(this).gid };
  }

  #add(name: string, inode: Inode): number {
    this.#children.set(name, inode);
    this.#store.count(1);
    if (inode.kind === 'directory') this.#subdirectories++;
    return 0;
  }

  #detach(name: string, inode: Inode): void {
    this.#children.delete(name);
    this.#store.count(-1);
    if (inode.kind === 'directory') this.#subdirectories--;
  }
}

function hold(object: Pinned): void {
  if (object.kind === 'map') object.map.getUser();
  else if (object.kind === 'prog') object.prog.get();
  else object.link.get();
}

function release(object: Pinned): void {
  if (object.kind === 'map') object.map.putUser();
  else if (object.kind === 'prog') object.prog.put();
  else object.link.put();
}
