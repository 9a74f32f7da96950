import {
  MS_BIND,
  MS_PRIVATE,
  MS_REC,
  PROC_SUPER_MAGIC,
  SYSFS_MAGIC,
  TMPFS_MAGIC,
  TRACEFS_MAGIC,
} from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import type { Process } from '../process.ts';
import type { Directory, FileSystem } from './inode.ts';
import { createBpffs, createTmpfs } from './memory-fs.ts';
import { preloadedFiles } from './preload.ts';
import { procEntries } from './proc.ts';
import { sysEntries } from './sys.ts';
import { tracefsEntries } from './tracefs.ts';
import { createTree } from './tree.ts';
import { type Place, walk } from './walk.ts';

const MS_SILENT = 1 << 15;

/** By the name for mount(2): a file system for the options of one mount, or -errno. */
export type FileSystemTypes = ReadonlyMap<string, (data: string) => FileSystem | number>;

/** The file systems of a machine. A bpffs or tmpfs is new with each mount, the others are always the same. */
export function fileSystemTypes(machine: Machine): FileSystemTypes {
  let lastDev = 0x14n;
  const dev = (): bigint => ++lastDev;
  const proc = createTree('proc', PROC_SUPER_MAGIC, dev(), procEntries);
  const sysfs = createTree('sysfs', SYSFS_MAGIC, dev(), sysEntries(machine));
  const tracefs = createTree('tracefs', TRACEFS_MAGIC, dev(), tracefsEntries(machine));
  const names = () =>
    Object.fromEntries([...machine.namespaces.names].map(([name, net]) => [name, { netns: () => net }]));
  const netns = createTree('tmpfs', TMPFS_MAGIC, dev(), names);
  const preloaded = preloadedFiles(machine);
  // biome-ignore format: aligned table
  return new Map<string, (data: string) => FileSystem | number>([
    ['bpf',     (data) => createBpffs(dev(), data, preloaded)],
    ['tmpfs',   () => createTmpfs(dev())],
    ['proc',    () => proc],
    ['sysfs',   () => sysfs],
    ['tracefs', () => tracefs],
    // As `ip netns` keeps them.
    ['netns',   () => netns],
    ['cgroup2', () => machine.cgroups],
  ]);
}

/** The mounts of a new machine, made as its first process. */
export function mountStandard(init: Process): void {
  for (const name of ['proc', 'sys', 'mnt', 'tmp', 'run', 'run/netns']) init.mkdir(`/${name}`, 0o755);
  init.mount('proc', '/proc', 'proc', 0, '');
  init.mount('sysfs', '/sys', 'sysfs', 0, '');
  init.mount('bpf', '/sys/fs/bpf', 'bpf', 0, 'mode=700');
  init.mount('netns', '/run/netns', 'netns', 0, '');
  init.mount('cgroup2', '/sys/fs/cgroup', 'cgroup2', 0, '');
  init.mount('tracefs', '/sys/kernel/tracing', 'tracefs', 0, '');
}

/** mount(2): 0 or -errno. Propagation between mounts does not exist here, so MS_PRIVATE changes nothing. */
export function mount(
  process: Process,
  source: string,
  target: string,
  fstype: string,
  flags: number,
  data: string,
): number {
  const { mounts, fileSystems } = process.machine;
  if (process.user.uid !== 0) return -errno.EPERM;
  const at = walk(process, target);
  if (typeof at === 'number') return at;
  if ((flags & MS_BIND) !== 0) {
    const from = walk(process, source);
    if (typeof from === 'number') return from;
    const on = directory(at);
    const root = directory(from);
    if (on === undefined || root === undefined) return -errno.ENOTDIR;
    return mounts.add(from.mount.fs, root.inode, from.mount.source, on);
  }
  if ((flags & MS_PRIVATE) !== 0) {
    if ((flags & ~(MS_PRIVATE | MS_REC | MS_SILENT)) !== 0) return -errno.EINVAL;
    return at.inode === at.mount.root ? 0 : -errno.EINVAL;
  }
  const create = fileSystems.get(fstype);
  if (create === undefined) return -errno.ENODEV;
  const on = directory(at);
  if (on === undefined) return -errno.ENOTDIR;
  const fs = create(data);
  return typeof fs === 'number' ? fs : mounts.add(fs, fs.root, source, on);
}

function directory({ mount, inode }: Place): Place<Directory> | undefined {
  return inode.kind === 'directory' ? { mount, inode } : undefined;
}
