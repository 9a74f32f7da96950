import { CGROUP2_SUPER_MAGIC, S_IFDIR } from '../../src/sys/kernel.ts';
import { cgroupRow } from './cgroup-bench.ts';
import { outcome, type Session } from './session.ts';
import type { Row } from './suite.ts';

/** Those that programs look for; a kernel may have more. */
// biome-ignore format: as long as it is
const FILES = [
  'cgroup.controllers', 'cgroup.events', 'cgroup.freeze', 'cgroup.kill', 'cgroup.max.depth', 'cgroup.max.descendants', 'cgroup.procs', 'cgroup.stat',
  'cgroup.subtree_control', 'cgroup.threads', 'cgroup.type',
];

const TEXTS: readonly (readonly [file: string, want: string])[] = [
  ['cgroup.procs', ''],
  ['cgroup.threads', ''],
  ['cgroup.events', 'populated 0\nfrozen 0\n'],
  ['cgroup.freeze', '0\n'],
  ['cgroup.max.depth', 'max\n'],
  ['cgroup.max.descendants', 'max\n'],
  ['cgroup.type', 'domain\n'],
  ['cgroup.kill', 'EINVAL'],
];

/** The file system of cgroups: what is there, and what can be made and removed. */
export const cgroupFsRows: readonly Row[] = [
  cgroupRow(
    'a cgroup is a directory',
    [],
    (tree, s) => {
      const { mode, nlink } = s.kernel.stat(tree.root);
      return [mode, nlink, s.kernel.fsType(tree.root)];
    },
    [S_IFDIR | 0o755, 2, CGROUP2_SUPER_MAGIC],
  ),
  cgroupRow(
    'each has a number of its own',
    ['a', 'b'],
    (tree) => {
      const ids = [tree.id('..'), tree.id(''), tree.id('a'), tree.id('b')];
      return [ids[0], ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? 0n))];
    },
    [1n, true],
  ),
  cgroupRow('its files', [], (tree, s) => FILES.filter((name) => !s.kernel.readdir(tree.root).includes(name)), []),
  ...TEXTS.map(([file, want]) => cgroupRow(`what ${file} says`, [], (tree, s) => s.text(`${tree.root}/${file}`), want)),
  cgroupRow(
    'what cgroup.stat says of cgroups below',
    ['a', 'a/b', 'c'],
    (tree, s) => s.text(`${tree.root}/cgroup.stat`).split('\n')[0],
    'nr_descendants 3',
  ),
  cgroupRow('links of a directory', ['a', 'b'], (tree, s) => s.kernel.stat(tree.root).nlink, 4),
  cgroupRow('a name twice', ['a'], (tree) => tree.make('a'), 'EEXIST'),
  cgroupRow('the name of a file', [], (tree) => tree.make('cgroup.procs'), 'EEXIST'),
  cgroupRow('a name with a newline', [], (tree) => tree.make('a\nb'), 'EINVAL'),
  cgroupRow('a name with a dot', [], (tree) => tree.make('a.slice'), 'ok'),
  cgroupRow('one in what is not there', [], (tree) => tree.make('a/b'), 'ENOENT'),
  cgroupRow(
    'removing one with others in it',
    ['a', 'a/b'],
    (tree) => [outcome(() => tree.remove('a')), outcome(() => tree.remove('a/b')), outcome(() => tree.remove('a'))],
    ['EBUSY', 'ok', 'ok'],
  ),
  cgroupRow('removing what is not there', [], (_tree, s) => s.kernel.rmdir(`${_tree.root}/none`), 'ENOENT'),
  cgroupRow('removing a file', [], (tree, s) => s.kernel.unlink(`${tree.root}/cgroup.procs`), 'EPERM'),
  cgroupRow('removing a file as a directory', [], (tree, s) => s.kernel.rmdir(`${tree.root}/cgroup.procs`), 'ENOTDIR'),
  cgroupRow('renaming', ['a'], (tree, s) => s.kernel.rename(tree.path('a'), tree.path('b')), 'EPERM'),
  cgroupRow('a symbolic link', [], (tree, s) => s.kernel.symlink('a', tree.path('b')), 'EPERM'),
  cgroupRow('a file of one', [], (tree, s) => s.kernel.open(tree.path('b'), 0o101, 0o600), 'EACCES'),
  cgroupRow('opening to write', [], (tree, s) => s.kernel.open(tree.root, 1), 'EISDIR'),
  cgroupRow(
    'pinning there',
    [],
    (tree, s) => s.kernel.bpf('BPF_OBJ_PIN', { pathname: tree.path('b'), bpf_fd: s.map('hash') }),
    'EPERM',
  ),
  cgroupRow(
    'a directory that is open is gone all the same',
    ['a'],
    (tree, s) => {
      tree.open('a');
      tree.remove('a');
      return outcome(() => s.kernel.stat(tree.path('a')));
    },
    'ENOENT',
  ),
  ['where a process is', (s: Session) => s.text('/proc/self/cgroup').split('\n').at(-2), '0::/'],
];
