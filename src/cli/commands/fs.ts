import { UsageError } from '../../errors.ts';
import { basename, DEFAULT_BPFFS, findBpffs, joinPath } from '../../loader/bpffs.ts';
import { type PinnedKind, pinnedKind } from '../../loader/pinned.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../sys/kernel.ts';
import { command } from '../command.ts';
import type { Words } from '../words.ts';

/** A name in bpffs, and what is behind it. */
interface Node {
  readonly path: string;
  readonly name: string;
  readonly kind: 'directory' | 'link' | PinnedKind['kind'];
  readonly id: number | undefined;
  /** What a symbolic link points to. */
  readonly target: string | undefined;
  readonly children: readonly Node[];
}

/** Directories below one another, and names altogether: a bpffs is small, and a hostile one must not fill the memory. */
const MAX_DEPTH = 64;
const MAX_NODES = 100_000;

/** What stands before the paths. */
interface Leading<T> {
  readonly usage: string;
  take(words: Words): T;
}

const NOTHING: Leading<undefined> = { usage: '', take: () => undefined };

function readNode(kernel: Kernel, path: string, name: string, levels: number, budget = { left: MAX_NODES }): Node {
  const type = kernel.lstat(path).mode & S_IFMT;
  if (budget.left-- <= 0) throw new UsageError(`${path}: more than ${MAX_NODES} names; choose a directory below`);
  const base = { path, name, id: undefined, target: undefined, children: [] };
  if (type === S_IFLNK) return { ...base, kind: 'link', target: kernel.readlink(path) };
  if (type !== S_IFDIR) {
    const pinned = pinnedKind(kernel, path);
    return { ...base, kind: pinned.kind, id: pinned.id };
  }
  const children =
    levels <= 0
      ? []
      : kernel.readdir(path).map((child) => readNode(kernel, joinPath(path, child), child, levels - 1, budget));
  return { ...base, kind: 'directory', children };
}

export const fsLs = command<readonly Node[]>({
  path: ['fs', 'ls'],
  usage: '[PATH]',
  about: 'lists a directory of bpffs, with what is pinned there',
  run({ kernel }, words) {
    const path = pathOrRoot(kernel, words);
    const node = readNode(kernel, path, path, 1);
    return node.kind === 'directory' ? node.children : [node];
  },
  text: (nodes) => nodes.map((node) => nodeText(node)).join('\n'),
  json: (nodes) => nodes.map((node) => nodeJson(node)),
});

export const fsTree = command<Node>({
  path: ['fs', 'tree'],
  usage: '[PATH]',
  about: 'lists a directory of bpffs and all below',
  run({ kernel }, words) {
    const path = pathOrRoot(kernel, words);
    return readNode(kernel, path, path, MAX_DEPTH);
  },
  text: (node) => [nodeText(node), ...treeLines(node, '')].join('\n'),
  json: (node) => nodeJson(node),
});

function treeLines(node: Node, indent: string): string[] {
  return node.children.flatMap((child, i) => {
    const last = i === node.children.length - 1;
    return [
      `${indent}${last ? '└── ' : '├── '}${nodeText(child)}`,
      ...treeLines(child, `${indent}${last ? '    ' : '│   '}`),
    ];
  });
}

function nodeText(node: Node): string {
  if (node.kind === 'directory') return node.name.endsWith('/') ? node.name : `${node.name}/`;
  if (node.kind === 'link') return `${node.name} -> ${node.target}`;
  return `${node.name}  ${node.kind}${node.id === undefined ? '' : ` id ${node.id}`}`;
}

function nodeJson(node: Node): object {
  const { path, kind, id, target, children } = node;
  return {
    path,
    kind,
    id,
    target,
    children: kind === 'directory' && children.length > 0 ? children.map(nodeJson) : undefined,
  };
}

export const fsMkdir = pathCommand(
  'mkdir',
  'makes a directory, and those above it that are missing',
  (kernel, path) => {
    const missing: string[] = [];
    for (let at: string | undefined = path; at !== undefined && !isThere(kernel, at); at = parentOf(at))
      missing.unshift(at);
    if (missing.length === 0) throw new UsageError(`${path} exists already`);
    for (const dir of missing) kernel.mkdir(dir, 0o700);
  },
  NOTHING,
);

/** The directory that a path is in, `undefined` for the root and for a single relative name. */
function parentOf(path: string): string | undefined {
  const slash = path.replace(/\/+$/, '').lastIndexOf('/');
  return slash <= 0 ? undefined : path.slice(0, slash).replace(/\/+$/, '') || undefined;
}

export const fsRm = pathCommand(
  'rm',
  'removes a pin, a link, or an empty directory',
  (kernel, path) => {
    if ((kernel.lstat(path).mode & S_IFMT) === S_IFDIR) kernel.rmdir(path);
    else kernel.unlink(path);
  },
  NOTHING,
);

export const fsMv = command<undefined>({
  path: ['fs', 'mv'],
  usage: 'FROM TO',
  about: 'renames a pin or a directory; if TO is a directory, it moves there',
  run({ kernel }, words) {
    const from = words.next('the path to rename').replace(/(?<=.)\/+$/, '');
    const to = words.next('the new path');
    words.end();
    kernel.rename(from, isDirectory(kernel, to) ? joinPath(to, basename(from)) : to);
    return undefined;
  },
  text: () => '',
});

export const fsChmod = pathCommand(
  'chmod',
  'sets the permission bits, in octal',
  (kernel, path, mode: number) => kernel.chmod(path, mode),
  {
    usage: 'MODE',
    take(words) {
      const mode = words.next('the mode, in octal');
      if (!/^[0-7]{1,5}$/.test(mode) || Number.parseInt(mode, 8) > 0o7777)
        throw new UsageError(`'${mode}' is no mode: octal digits up to 7777 are expected`);
      return Number.parseInt(mode, 8);
    },
  },
);

export const fsChown = pathCommand(
  'chown',
  'gives it to a user, a group, or both, by number',
  (kernel, path, [uid, gid]: readonly [number, number]) => kernel.chown(path, uid, gid),
  {
    usage: '{UID | UID:GID | :GID}',
    take(words): readonly [number, number] {
      const owner = words.next('the owner: UID, UID:GID or :GID');
      const [, uid = '', gid = ''] = /^(\d{0,10})(?::(\d{1,10}))?$/.exec(owner) ?? [];
      const ids = [uid, gid].map((id) => (id === '' ? -1 : Number(id)));
      const [user = -1, group = -1] = ids;
      if ((user === -1 && group === -1) || Math.max(user, group) >= 0xffffffff)
        throw new UsageError(`'${owner}' is no owner: numbers are expected, UID, UID:GID or :GID`);
      return [user, group];
    },
  },
);

function pathCommand<T>(
  verb: string,
  about: string,
  work: (kernel: Kernel, path: string, given: T) => void,
  { usage, take }: Leading<T>,
) {
  return command<undefined>({
    path: ['fs', verb],
    usage: `${usage} PATH...`.trim(),
    about,
    run({ kernel }, words) {
      const given = take(words);
      const paths = [words.next('the path'), ...words.rest()];
      for (const path of paths) work(kernel, path.replace(/(?<=.)\/+$/, ''), given);
      return undefined;
    },
    text: () => '',
  });
}

function pathOrRoot(kernel: Kernel, words: Words): string {
  const path = words.done ? (findBpffs(kernel) ?? DEFAULT_BPFFS) : words.next('the path');
  words.end();
  return path;
}

/** A link to a directory is one too, as for mv. */
function isDirectory(kernel: Kernel, path: string): boolean {
  try {
    return (kernel.stat(path).mode & S_IFMT) === S_IFDIR;
  } catch {
    return false; // whatever is wrong with it, rename will say
  }
}

function isThere(kernel: Kernel, path: string): boolean {
  try {
    kernel.lstat(path);
    return true;
  } catch {
    return false; // whatever is wrong with it, mkdir will say
  }
}
