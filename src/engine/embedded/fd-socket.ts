import { type FdMessage, MAX_FD_MESSAGE, SCM_MAX_FD, UNIX_PATH_MAX } from '../../sys/kernel.ts';
import { errno } from '../../uapi/errno.ts';
import type { Fd } from '../../uapi/fd.ts';
import { hold, type OpenFile, release } from './files.ts';
import { bind } from './fs/operations.ts';
import { MAY_WRITE, permission } from './fs/permission.ts';
import { walk } from './fs/walk.ts';
import { endStorages } from './maps/owners.ts';
import type { Process } from './process.ts';
import type { Wakeups } from './wakeups.ts';

/** Datagrams that wait in one socket before senders get EAGAIN: net.unix.max_dgram_qlen, and the one that Linux lets in on top. */
const MAX_QUEUE = 11;

interface Datagram {
  readonly data: Uint8Array;
  /** With a reference each. */
  readonly files: readonly OpenFile[];
  readonly pid: number;
}

/** A datagram socket in the file system, which processes of one machine hand each other fds through. */
export class FdSocket {
  readonly #queue: Datagram[] = [];
  readonly #wake: Wakeups;
  #open = true;

  constructor(wake: Wakeups) {
    this.#wake = wake;
  }

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  /** Why it takes no datagram now: -errno; 0 if it does. */
  refusal(): number {
    if (!this.#open) return -errno.ECONNREFUSED;
    return this.#queue.length >= MAX_QUEUE ? -errno.EAGAIN : 0;
  }

  put(datagram: Datagram): void {
    this.#queue.push(datagram);
    this.#wake.all();
  }

  take(): Datagram | undefined {
    return this.#queue.shift();
  }

  /** When its fd is closed: what nobody has received is let go. */
  end(): void {
    this.#open = false;
    endStorages(this);
    for (const { files } of this.#queue.splice(0)) for (const file of files) release(file);
  }
}

/** A new socket at `path`: its fd, or -errno. */
export function bindFds(process: Process, path: string): number {
  const refused = checkPath(path);
  if (refused !== 0) return refused;
  const socket = new FdSocket(process.machine.wake);
  const bound = bind(process, path, socket);
  if (bound !== 0) return bound === -errno.EEXIST ? -errno.EADDRINUSE : bound;
  return process.files.add({ kind: 'socket', path, socket });
}

/** 0 or -errno. */
export function sendFds(process: Process, path: string, data: Uint8Array, fds: readonly Fd[]): number {
  const refused = checkPath(path);
  if (refused !== 0) return refused;
  if (data.length > MAX_FD_MESSAGE) return -errno.EMSGSIZE;
  if (fds.length > SCM_MAX_FD)
    return process.fail(errno.EINVAL, `one message carries ${SCM_MAX_FD} fds, not ${fds.length}`);
  const files: OpenFile[] = [];
  for (const fd of fds) {
    const file = process.files.get(fd);
    if (file === undefined) return -errno.EBADF;
    if (file.kind === 'socket')
      return process.fail(errno.ENOTSUPP, 'the embedded kernel passes no sockets through sockets');
    files.push(file);
  }
  const at = walk(process, path);
  if (typeof at === 'number') return at;
  const denied = permission(process.user, at.inode, MAY_WRITE);
  if (denied !== 0) return denied;
  if (at.inode.kind !== 'socket') return -errno.ECONNREFUSED;
  const { socket } = at.inode;
  const full = socket.refusal();
  if (full !== 0) return full;
  for (const file of files) hold(file);
  socket.put({ data: data.slice(), files, pid: process.pid });
  return 0;
}

/** The next datagram, or -errno. fds for which the process has no room are let go. */
export function receiveFds(process: Process, fd: number): FdMessage | number {
  const file = process.files.get(fd);
  if (file === undefined) return -errno.EBADF;
  if (file.kind !== 'socket') return -errno.ENOTSOCK;
  const datagram = file.socket.take();
  if (datagram === undefined) return -errno.EAGAIN;
  const { data, files, pid } = datagram;
  const added = files.map((one) => process.files.add(one));
  const fds = added.filter((one) => one >= 0) as Fd[]; // the brand's origin
  return { data, fds, truncated: fds.length < added.length, sender: { pid, uid: 0, gid: 0 } };
}

function checkPath(path: string): number {
  if (path === '') return -errno.ENOENT;
  return new TextEncoder().encode(path).length >= UNIX_PATH_MAX ? -errno.ENAMETOOLONG : 0;
}
