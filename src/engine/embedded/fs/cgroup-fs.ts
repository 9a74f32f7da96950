import { CGROUP2_SUPER_MAGIC, S_IFDIR, S_IFREG } from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import { Cgroup } from '../cgroups/cgroup.ts';
import { Directory, type FileSystem, type Inode } from './inode.ts';

/** The text of each file in a cgroup's directory; `undefined`: it is written to alone. The first cgroup lacks those that are not `everywhere`. */
interface CgroupFile {
  readonly text: ((cgroup: Cgroup) => string) | undefined;
  readonly mode?: number;
  readonly everywhere?: true;
}

const procs = (cgroup: Cgroup): string =>
  [...cgroup.processes]
    .map(({ pid }) => pid)
    .sort((a, b) => a - b)
    .map((pid) => `${pid}\n`)
    .join('');

// biome-ignore format: aligned table
const FILES: Readonly<Record<string, CgroupFile>> = {
  'cgroup.controllers':     { text: () => '\n', everywhere: true },
  'cgroup.events':          { text: (cgroup) => `populated ${cgroup.populated ? 1 : 0}\nfrozen 0\n` },
  'cgroup.freeze':          { text: () => '0\n', mode: 0o644 },
  'cgroup.kill':            { text: undefined, mode: 0o200 },
  'cgroup.max.depth':       { text: () => 'max\n', mode: 0o644, everywhere: true },
  'cgroup.max.descendants': { text: () => 'max\n', mode: 0o644, everywhere: true },
  'cgroup.procs':           { text: procs, mode: 0o644, everywhere: true },
  'cgroup.stat':            { text: (cgroup) => `nr_descendants ${cgroup.descendants}\nnr_dying_descendants 0\n`, everywhere: true },
  'cgroup.subtree_control': { text: () => '\n', mode: 0o644, everywhere: true },
  'cgroup.threads':         { text: procs, mode: 0o644, everywhere: true },
  'cgroup.type':            { text: () => 'domain\n', mode: 0o644 },
};

/** As Linux has it by default for cgroup.max.descendants is no limit; here all cgroups of a machine have one, for the sake of its memory. */
const MAX_CGROUPS = 65536;
/** Directories within each other: a path is no longer than PATH_MAX anyway. */
const MAX_DEPTH = 1024;

/** cgroup2: one tree, wherever it is mounted. An inode's number is the id of its cgroup. */
export class CgroupFileSystem implements FileSystem {
  readonly type = 'cgroup2';
  readonly magic = CGROUP2_SUPER_MAGIC;
  readonly dev: bigint;
  readonly options = '';
  readonly root: CgroupDirectory;
  /** How many there are. */
  count = 0;
  #lastIno = 0n;

  constructor(dev: bigint) {
    this.dev = dev;
    this.root = new CgroupDirectory(this, undefined, '');
  }

  newIno(): bigint {
    return ++this.#lastIno;
  }
}

/** The directory of a cgroup: making one makes a cgroup. */
export class CgroupDirectory extends Directory {
  readonly cgroup: Cgroup;
  readonly #fs: CgroupFileSystem;
  readonly #directories = new Map<string, CgroupDirectory>();
  readonly #files = new Map<string, Inode>();

  constructor(fs: CgroupFileSystem, parent: CgroupDirectory | undefined, name: string) {
    super(fs, parent, S_IFDIR | (parent === undefined ? 0o555 : 0o755));
    this.#fs = fs;
    this.cgroup = new Cgroup(parent?.cgroup, name, Number(this.ino));
    for (const [file, { text, mode = 0o444, everywhere = false }] of Object.entries(FILES)) {
      if (parent === undefined && !everywhere) continue;
      const read = text === undefined ? undefined : () => text(this.cgroup);
      this.#files.set(file, { kind: 'text', fs, ino: fs.newIno(), mode: S_IFREG | mode, read });
    }
  }

  lookup(name: string): Inode | number {
    return this.#directories.get(name) ?? this.#files.get(name) ?? -errno.ENOENT;
  }
  names(): readonly string[] {
    return [...this.#files.keys(), ...this.#directories.keys()];
  }

  /** The cgroup with an id, here or below. */
  find(id: number): Cgroup | undefined {
    const below: CgroupDirectory[] = [this];
    for (let at = below.pop(); at !== undefined; at = below.pop()) {
      if (at.cgroup.id === id) return at.cgroup;
      below.push(...at.#directories.values());
    }
    return undefined;
  }

  override mkdir(name: string, _mode: number): number {
    if (this.cgroup.gone) return -errno.ENOENT;
    if (name.includes('\n')) return -errno.EINVAL;
    if (this.#fs.count >= MAX_CGROUPS || this.cgroup.level >= MAX_DEPTH) return -errno.EAGAIN;
    const made = new CgroupDirectory(this.#fs, this, name);
    this.#directories.set(name, made);
    this.cgroup.children.set(name, made.cgroup);
    this.#fs.count++;
    return 0;
  }

  override remove(name: string): number {
    const directory = this.#directories.get(name);
    if (directory === undefined) return -errno.EPERM;
    const refused = directory.cgroup.remove();
    if (refused !== 0) return refused;
    this.#directories.delete(name);
    this.#fs.count--;
    return 0;
  }

  override get subdirectories(): number {
    return this.#directories.size;
  }
}
