import { errno } from '../../../uapi/errno.ts';
import type { FdSocket } from '../fd-socket.ts';
import type { Link } from '../links/link.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Network } from '../net/network.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { User } from './permission.ts';

/** A file system: what is behind one device number. */
export interface FileSystem {
  /** As mount(2) and /proc/mounts call it. */
  readonly type: string;
  /** f_type of statfs(2). */
  readonly magic: number;
  readonly dev: bigint;
  /** The options of its own, as /proc/mounts shows them; empty if there are none. */
  readonly options: string;
  readonly root: Directory;
  newIno(): bigint;
}

/** What may be pinned. */
export type Pinned =
  | { readonly kind: 'map'; readonly map: BpfMap }
  | { readonly kind: 'prog'; readonly prog: BpfProg }
  | { readonly kind: 'link'; readonly link: Link };

interface Common {
  readonly fs: FileSystem;
  readonly ino: bigint;
  /** st_mode: type and permission bits. */
  mode: number;
  /** The superuser's, if not said. */
  owner?: User | undefined;
}
export interface Symlink extends Common {
  readonly kind: 'symlink';
  readonly target: string;
}
/** A file whose text is made when it is opened. */
export interface TextFile extends Common {
  readonly kind: 'text';
  /** `undefined`: it cannot be read (EINVAL). */
  readonly read: (() => string | Uint8Array) | undefined;
}
export interface TracePipe extends Common {
  readonly kind: 'trace_pipe';
}
/** A datagram socket, which takes fds. */
export interface SocketFile extends Common {
  readonly kind: 'socket';
  readonly socket: FdSocket;
}
/** A file of bpffs. */
export interface Pin extends Common {
  readonly kind: 'pin';
  readonly object: Pinned;
}
/** A file that is a network namespace. */
export interface NetnsFile extends Common {
  readonly kind: 'netns';
  readonly network: Network;
}
export type Inode = Directory | Symlink | TextFile | TracePipe | SocketFile | NetnsFile | Pin;

/** A directory. What changes it answers 0 or -errno, and by default that this file system is not for writing. */
export abstract class Directory implements Common {
  readonly kind = 'directory';
  readonly fs: FileSystem;
  readonly ino: bigint;
  mode: number;
  owner?: User | undefined;
  /** `undefined`: this is the root of its file system. */
  parent: Directory | undefined;

  constructor(fs: FileSystem, parent: Directory | undefined, mode: number) {
    this.fs = fs;
    this.ino = fs.newIno();
    this.parent = parent;
    this.mode = mode;
  }

  /** What has this name, or -errno: -ENOENT if nothing has. Never asked for `.` and `..`. */
  abstract lookup(name: string, process: Process): Inode | number;
  abstract names(process: Process): readonly string[];

  /** Those that write are asked only for names that {@link Directory.lookup} answered with ENOENT. */
  mkdir(_name: string, _mode: number, _user: User): number {
    return -errno.EPERM;
  }
  symlink(_name: string, _target: string, _user: User): number {
    return -errno.EPERM;
  }
  pin(_name: string, _object: Pinned, _user: User): number {
    return -errno.EPERM;
  }
  bind(_name: string, _socket: FdSocket, _user: User): number {
    return -errno.EPERM;
  }
  /** Takes away a name that is there, which for a directory has to be empty. */
  remove(_name: string): number {
    return -errno.EPERM;
  }
  /** Moves a name that is there to another directory of this file system, over what has that name. */
  rename(_name: string, _to: Directory, _toName: string): number {
    return -errno.EPERM;
  }
  /** Whether its inodes keep the modes and owners that they are given. */
  get changeable(): boolean {
    return false;
  }
  /** Whether BPF objects can be pinned. */
  get pins(): boolean {
    return false;
  }
  /** Directories directly within. */
  get subdirectories(): number {
    return 0;
  }
}
