import { NotSupportedError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { S_IFDIR, S_IFMT } from '../sys/kernel.ts';
import type { ProgId } from '../uapi/fd.ts';
import { CGROUP_HOOKS, type CgroupHook } from './attach/cgroup.ts';
import { queryPrograms } from './attach/query.ts';
import { orUndefined, readText } from './calls.ts';
import { kernelBtf, VMLINUX } from './kernel-btf.ts';
import { openProgram } from './program.ts';

/** A program of a cgroup. */
export interface AttachedToCgroup {
  readonly id: ProgId;
  readonly attachType: CgroupHook;
  /** BPF_F_ALLOW_*. */
  readonly flags: number;
  readonly name: string;
  /** The function that an LSM program is made for; `undefined` where the kernel shows no types. `name` is empty for other programs. */
  readonly attachBtf: { readonly objectId: number; readonly id: number; readonly name: string } | undefined;
}

/** A cgroup that has programs. */
export interface CgroupTreeNode {
  readonly path: string;
  /** Levels below the one where the walk began. */
  readonly depth: number;
  readonly programs: readonly AttachedToCgroup[];
}

/** Where cgroup2 is mounted first; `undefined` if it is not. */
export function cgroupsMount(kernel: Kernel): string | undefined {
  const mounts = orUndefined(['ENOENT', 'EACCES'], () => readText(kernel, '/proc/mounts')) ?? '';
  const line = mounts.split('\n').find((text) => text.split(' ')[2] === 'cgroup2');
  return line?.split(' ')[1];
}

/** As {@link cgroupsMount}. Throws NotSupportedError if it is not mounted. */
export function findCgroups(kernel: Kernel): string {
  const path = cgroupsMount(kernel);
  if (path !== undefined) return path;
  throw new NotSupportedError('cgroup2 on this kernel, or its mount,', {
    instead: 'mount it with `mount -t cgroup2 none /sys/fs/cgroup`',
  });
}

/** Programs attached to a cgroup, of every type that the kernel knows; `effective`: those that run there. */
export function cgroupPrograms(kernel: Kernel, path: string, effective: boolean): AttachedToCgroup[] {
  const found = CGROUP_HOOKS.flatMap((attachType) => {
    // A kernel that does not know the type.
    const query = orUndefined('EINVAL', () => queryPrograms(kernel, { cgroup: path }, attachType, { effective }));
    const flags = query?.flags ?? 0;
    return (query?.programs ?? []).map(({ id, flags: own }) => ({ id, attachType, flags: own || flags }));
  });
  if (found.length === 0) return [];
  return found.flatMap((program) => {
    const details = orUndefined('ENOENT', () => programDetails(kernel, program.id));
    return details === undefined ? [] : [{ ...program, ...details }];
  });
}

function programDetails(kernel: Kernel, id: number): Pick<AttachedToCgroup, 'name' | 'attachBtf'> {
  using program = openProgram(kernel, { id });
  const { name, attachBtfId, attachBtfObjectId } = program.info;
  if (orUndefined(['ENOENT', 'ENOTDIR'], () => kernel.stat(VMLINUX)) === undefined)
    return { name, attachBtf: undefined };
  const type = attachBtfId === 0 ? undefined : kernelBtf(kernel).type(attachBtfId);
  return { name, attachBtf: { objectId: attachBtfObjectId, id: attachBtfId, name: type?.name ?? '' } };
}

/** Levels of cgroups that are walked down. */
const MAX_DEPTH = 256;

/** The cgroups at and below `root` that have programs. Those that vanish while this walks are left out. */
export function cgroupTree(kernel: Kernel, root: string, effective: boolean): CgroupTreeNode[] {
  const found: CgroupTreeNode[] = [];
  const walk = (path: string, depth: number): void => {
    const programs = orUndefined(depth === 0 ? [] : ['ENOENT', 'ENODEV', 'EBADF'], () =>
      cgroupPrograms(kernel, path, effective),
    );
    if (programs !== undefined && programs.length > 0) found.push({ path, depth, programs });
    if (programs === undefined || depth >= MAX_DEPTH) return;
    for (const name of readdir(kernel, path)) walk(`${path.replace(/\/+$/, '')}/${name}`, depth + 1);
  };
  walk(root, 0);
  return found;
}

/** The directories in a directory. */
function readdir(kernel: Kernel, path: string): string[] {
  const names = orUndefined(['ENOENT', 'ENODEV'], () => kernel.readdir(path)) ?? [];
  return names.filter((name) => {
    const stat = orUndefined(['ENOENT', 'ENODEV'], () => kernel.lstat(`${path}/${name}`));
    return stat !== undefined && (stat.mode & S_IFMT) === S_IFDIR;
  });
}
