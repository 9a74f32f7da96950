/// <reference lib="esnext.disposable" preserve="true" />
import type { BpfAttr, BpfCmd, BpfResult } from '../uapi/attr.ts';
import type { Fd } from '../uapi/fd.ts';
import type { Ioctl, PerfEventAttr } from '../uapi/perf.ts';

/**
 * The seam: the system calls that everything above needs of a kernel, as one process makes them. The running kernel (`engine/linux`), the
 * embedded one (`engine/embedded`) and a kernel in another process (`server`) implement it; `strace` wraps it.
 *
 * Kernel spelling: names, flags and numbers are those of the UAPI headers. Every call throws {@link SysError} where the kernel answers with
 * an errno. Synchronous, except {@link Kernel.wait}. Buffers that the caller gives shorter than what the kernel would touch are refused
 * with EFAULT, never overrun.
 *
 * Paths are absolute. They name what the kernel in use has: bpffs, tracefs, procfs, sysfs. Object files are read by whoever opens them, not
 * through a kernel.
 */
export interface Kernel extends Disposable {
  /** For messages only. Code above the seam never branches on it: it probes. */
  readonly name: string;

  /** bpf(2). Fields of kind `u32!`/`u64!` and buffers that the kernel fills are changed in place, also when the call fails. */
  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttr<C>): BpfResult<C>;

  /**
   * One request on a NETLINK_ROUTE socket, and every message of the answer up to and including its NLMSG_ERROR (the acknowledgement) or
   * NLMSG_DONE, concatenated. An error is in the answer: `net/request.ts` turns it into a SysError.
   */
  netlink(request: Uint8Array): Uint8Array;

  /**
   * perf_event_open(2): the fd of an event, which counts for `pid` (0: this process, -1: all) on `cpu` (-1: any). A kernel without such events
   * throws SysError ENOSYS or ENOTSUPP.
   */
  perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, groupFd: Fd | -1, flags: number): Fd;
  /** ioctl(2), of those requests whose argument is a number (uapi/perf.ts, `IOCTLS`). Throws SysError ENOTTY where an fd does not know it. */
  ioctl(fd: Fd, request: Ioctl, argument: number): void;

  /** open(2); `flags` as O_RDONLY 0, O_WRONLY 1, O_NONBLOCK 0o4000, O_DIRECTORY 0o200000, … */
  open(path: string, flags: number, mode?: number): Fd;
  /** read(2): the number of bytes put at the start of `buffer`; 0 at the end. EAGAIN where there is nothing yet. */
  read(fd: Fd, buffer: Uint8Array): number;
  close(fd: Fd): void;
  /**
   * mmap(2), shared: `size` bytes of a map or a perf event from `offset`, as memory. Throws SysError: EINVAL for a size that is not there or a map that was
   * not made for it (BPF_F_MMAPABLE), EACCES and EPERM for writing to what is read-only or frozen, ENOTSUPP for other types of map, ENODEV for other fds and
   * through a kernel in another process, which maps arenas alone, and keeps their `bytes`. `address`: there and nowhere else, as arenas want it (MAP_FIXED_NOREPLACE); EEXIST if something is there.
   */
  mmap(fd: Fd, size: number, access: MappingAccess, offset?: number, address?: number): Mapping;

  /** stat(2), which follows symbolic links. */
  stat(path: string): Stat;
  /** lstat(2), which does not. */
  lstat(path: string): Stat;
  /** statfs(2): the magic number of the file system that holds `path`, e.g. BPF_FS_MAGIC. */
  fsType(path: string): number;
  /** The names in a directory, without `.` and `..`, sorted. */
  readdir(path: string): string[];
  readlink(path: string): string;
  mkdir(path: string, mode: number): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  rename(from: string, to: string): void;
  /** chmod(2): the bits of 0o7777. Throws SysError EPERM for who neither owns it nor is the superuser. */
  chmod(path: string, mode: number): void;
  /** chown(2); -1 leaves the one or the other. Throws SysError EPERM. */
  chown(path: string, uid: number, gid: number): void;
  symlink(target: string, path: string): void;
  /** mount(2). `flags` as MS_BIND 4096, MS_REC 16384, MS_PRIVATE 1 << 18. */
  mount(source: string, target: string, fstype: string, flags: number, data: string): void;

  /**
   * socket(2) and bind(2): a datagram socket at `path` (AF_UNIX) that takes fds. Does not wait when it is read from. Throws SysError: EADDRINUSE where there is
   * something, ENAMETOOLONG for more than {@link UNIX_PATH_MAX} - 1 bytes, ENOENT, EACCES. The path stays when the fd is closed: unlink it.
   */
  bindFds(path: string): Fd;
  /**
   * sendmsg(2) with SCM_RIGHTS: one datagram with up to {@link SCM_MAX_FD} fds to the socket at `path`. They stay open here; the receiver gets fds of its own. Does
   * not wait. Throws SysError: ECONNREFUSED, ENOENT, EPROTOTYPE if nothing there takes datagrams, EAGAIN if it is full, EBADF, EINVAL for too many fds, EMSGSIZE.
   */
  sendFds(path: string, data: Uint8Array, fds: readonly Fd[]): void;
  /** recvmsg(2): the next datagram at a socket of {@link Kernel.bindFds}; its fds are the caller's to close. Throws SysError EAGAIN where there is none yet. */
  receiveFds(fd: Fd): FdMessage;

  /**
   * Resolves with those of `fds` that can be read (or written to, `until`), as soon as one can; with none after `timeoutMs`. Rejects with the signal's reason
   * when aborted.
   */
  wait(fds: readonly Fd[], options?: WaitOptions): Promise<Fd[]>;
}

export type MappingAccess = 'read' | 'read and write';

/** Memory shared with a kernel and its programs, as long as it is not disposed of; the fd may be closed before. */
export interface Mapping extends Disposable {
  /**
   * Ask for it again after any call: the memory of an embedded kernel moves when it grows. Of no length once the mapping is disposed of. Writing to a mapping
   * for reading ends a process on Linux.
   */
  readonly bytes: Uint8Array;
  /**
   * Puts data there. To an arena this makes the pages be there, as writing to `bytes` does; but on an embedded kernel zeros in `bytes` do not. Throws SysError
   * EFAULT for data that goes beyond the end.
   */
  write(offset: number, data: Uint8Array): void;
}

/** A datagram with fds. */
export interface FdMessage {
  /** {@link MAX_FD_MESSAGE} bytes at most. */
  readonly data: Uint8Array;
  readonly fds: readonly Fd[];
  /** MSG_TRUNC, MSG_CTRUNC: there was more data, or there were more fds. What is missing is lost. */
  readonly truncated: boolean;
  /** The sender, as the kernel vouches for it, in the receiver's user namespace. `undefined`: the kernel did not say. */
  readonly sender: { readonly pid: number; readonly uid: number; readonly gid: number } | undefined;
}

export interface WaitOptions {
  /** What is waited for; `readable` if not said. */
  readonly until?: 'readable' | 'writable' | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Stat {
  /** st_mode: type and permission bits. */
  readonly mode: number;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;

/** Bytes of the path of a Unix socket with its NUL, at most. */
export const UNIX_PATH_MAX = 108;
/** fds that one message carries, at most. */
export const SCM_MAX_FD = 253;
/** Bytes that one message with fds carries, at most, for this seam. */
export const MAX_FD_MESSAGE = 1 << 16;

export const O_RDONLY = 0;
/** Bytes of a path with its NUL, at most. */
export const PATH_MAX = 4096;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_ACCMODE = 3;
export const O_CREAT = 0o100;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = 0o200000;
export const O_CLOEXEC = 0o2000000;

export const MS_BIND = 4096;
export const MS_REC = 16384;
export const MS_PRIVATE = 1 << 18;

// The kinds of file that the seam's paths lead to, for statfs(2).
export const TRACEFS_MAGIC = 0x74726163;
export const PROC_SUPER_MAGIC = 0x9fa0;
export const SYSFS_MAGIC = 0x62656572;
export const TMPFS_MAGIC = 0x01021994;
export const CGROUP2_SUPER_MAGIC = 0x63677270;
