import { S_IFREG } from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Network } from '../net/network.ts';
import { Directory, type FileSystem, type NetnsFile, type TextFile } from './inode.ts';

const NSFS_MAGIC = 0x6e736673;

/** The one namespace of process ids, with Linux's number for the first. */
const PID_NAMESPACE = 4026531836n;

/** The file that the namespace of process ids is. */
export function pidNamespaceFile(): TextFile {
  return { kind: 'text', fs: NSFS, ino: PID_NAMESPACE, mode: S_IFREG | 0o444, read: () => '' };
}

/** Whether the namespace of process ids is the file with these numbers. */
export function isPidNamespace(dev: bigint, ino: bigint): boolean {
  return dev === NSFS.dev && ino === PID_NAMESPACE;
}

/** The file that a network namespace is. */
export function netnsFile(network: Network): NetnsFile {
  return { kind: 'netns', fs: NSFS, ino: network.ino, mode: S_IFREG | 0o444, network };
}

/** Nobody sees its root: its files are bound to names elsewhere. */
class Root extends Directory {
  lookup(): number {
    return -errno.ENOENT;
  }
  names(): readonly string[] {
    return [];
  }
}

class NsFileSystem implements FileSystem {
  readonly type = 'nsfs';
  readonly magic = NSFS_MAGIC;
  readonly dev = 4n;
  readonly options = '';
  readonly root: Directory = new Root(this, undefined, 0o755);

  newIno(): bigint {
    return 1n;
  }
}
const NSFS = new NsFileSystem();
