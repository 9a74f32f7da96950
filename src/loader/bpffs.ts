import { NotSupportedError, SysError, UsageError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { MS_PRIVATE, MS_REC } from '../sys/kernel.ts';
import { BPF_FS_MAGIC } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import { orUndefined, readText, saying } from './calls.ts';
import { Transaction } from './transaction.ts';

/** Where bpffs is mounted by convention. */
export const DEFAULT_BPFFS = '/sys/fs/bpf';

/** Where tc looks, in its order; the first that is a bpffs is used. */
const CANDIDATES = [DEFAULT_BPFFS, '/bpf'];

/** The bpffs mount to pin under, or `undefined` if none is mounted. Looks where tc looks: the usual places, then /proc/mounts. */
export function findBpffs(kernel: Kernel): string | undefined {
  const usual = CANDIDATES.find((path) => isBpffs(kernel, path));
  if (usual !== undefined) return usual;
  const mounts = orUndefined(['ENOENT', 'EACCES'], () => readText(kernel, '/proc/mounts')) ?? '';
  for (const line of mounts.split('\n')) {
    const [, path, type] = line.split(' ');
    if (type === 'bpf' && path !== undefined) return path;
  }
  return undefined;
}

/** As {@link findBpffs}; mounts one at /sys/fs/bpf, mode 0700, if there is none. */
export function ensureBpffs(kernel: Kernel): string {
  const found = findBpffs(kernel);
  if (found !== undefined) return found;
  try {
    // As tc and bpftool do: the mount stays in this mount namespace.
    orUndefined('EINVAL', () => kernel.mount('', DEFAULT_BPFFS, 'none', MS_PRIVATE | MS_REC, ''));
    kernel.mount('bpf', DEFAULT_BPFFS, 'bpf', 0, 'mode=0700');
  } catch (cause) {
    throw new NotSupportedError('pinning: no bpffs is mounted, and mounting one at /sys/fs/bpf failed', {
      instead: 'mount it with `mount -t bpf bpf /sys/fs/bpf`',
      cause,
    });
  }
  return DEFAULT_BPFFS;
}

export function isBpffs(kernel: Kernel, path: string): boolean {
  return orUndefined(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'], () => kernel.fsType(path)) === BPF_FS_MAGIC;
}

export function exists(kernel: Kernel, path: string): boolean {
  return orUndefined(['ENOENT', 'ENOTDIR', 'EPERM'], () => kernel.lstat(path)) !== undefined;
}

/**
 * Checks that something can be pinned at `path`, and makes its missing parent directories (mode 0700) as far as they are on bpffs; a rollback
 * removes them.
 * Throws SysError EEXIST if the path is taken, UsageError if it has a name that bpffs does not allow or is not on bpffs.
 */
export function preparePin(kernel: Kernel, path: string, transaction: Transaction): void {
  if (!path.startsWith('/')) {
    throw new UsageError(`cannot pin at ${path}: the path must be absolute, e.g. ${DEFAULT_BPFFS}/NAME`);
  }
  const name = basename(path);
  if (name === '' || name.includes('.')) {
    throw new UsageError(
      `cannot pin at ${path}: bpffs does not allow ${name === '' ? 'empty names' : 'a dot in a name'}`,
    );
  }
  if (exists(kernel, path)) {
    throw new SysError(errno.EEXIST, 'BPF_OBJ_PIN', {
      what: path,
      detail: 'it exists already; remove it or choose another path',
    });
  }
  const missing: string[] = [];
  let parent = dirname(path);
  while (!exists(kernel, parent)) {
    missing.unshift(parent);
    parent = dirname(parent);
  }
  if (!isBpffs(kernel, parent)) {
    const mount = findBpffs(kernel);
    const instead =
      mount === undefined ? `mount one with \`mount -t bpf bpf ${DEFAULT_BPFFS}\`` : `use a path below ${mount}`;
    throw new UsageError(`cannot pin at ${path}: ${parent} is not on a BPF file system; ${instead}`);
  }
  for (const dir of missing) makeDirectory(kernel, dir, transaction);
}

/** Makes `path` (mode 0700) if it is not there; a rollback removes it again. */
export function makeDirectory(kernel: Kernel, path: string, transaction: Transaction): void {
  if (orUndefined('EEXIST', () => [kernel.mkdir(path, 0o700)]) !== undefined) {
    transaction.onRollback(() => kernel.rmdir(path));
  }
}

/** BPF_OBJ_PIN with all that {@link preparePin} does. */
export function pinFd(kernel: Kernel, fd: Fd, path: string): void {
  Transaction.run((transaction) => {
    preparePin(kernel, path, transaction);
    saying(path, () => kernel.bpf('BPF_OBJ_PIN', { pathname: path, bpf_fd: fd }));
  });
}

export function dirname(path: string): string {
  const slash = path.replace(/\/+$/, '').lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

export function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function joinPath(...parts: readonly string[]): string {
  return parts.join('/').replace(/\/{2,}/g, '/');
}
