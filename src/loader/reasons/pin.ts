import { S_IFDIR, S_IFMT, type Stat } from '../../sys/kernel.ts';
import { BPF_FS_MAGIC } from '../../uapi/bpf.ts';
import { orUndefined } from '../calls.ts';
import { NOT_SHOWN } from '../checks/check.ts';
import type { Rule } from './reason.ts';

/** Why pinning, or opening a pin, may have been refused. */
export const pinRefused: Rule = ({ kernel, error, attr }) => {
  if (error.syscall !== 'BPF_OBJ_PIN' && error.syscall !== 'BPF_OBJ_GET') return [];
  const path = typeof attr.pathname === 'string' ? attr.pathname : '';
  const directory = path.replace(/\/+[^/]*\/*$/, '') || '/';
  const type = orUndefined(NOT_SHOWN, () => kernel.fsType(directory));
  if (error.code === 'ENOENT' && type === undefined) return [{ why: `there is no directory ${directory}` }];
  if (['EPERM', 'EACCES', 'EINVAL'].includes(error.code) && type !== undefined && type !== BPF_FS_MAGIC) {
    return [
      { why: `${directory} is not in a bpffs, where pins live`, fix: `sudo mount -t bpf bpf ${shellWord(directory)}` },
    ];
  }
  if (error.code === 'EACCES' && isDirectory(orUndefined(NOT_SHOWN, () => kernel.stat(path))))
    return [{ why: `${path} is a directory` }];
  if (error.code === 'EPERM' && path.slice(directory.length).includes('.'))
    return [{ why: 'names in a bpffs have no dots in them' }];
  return [];
};

function isDirectory(found: Stat | undefined): boolean {
  return found !== undefined && (found.mode & S_IFMT) === S_IFDIR;
}

function shellWord(text: string): string {
  return /^[\w/.:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
