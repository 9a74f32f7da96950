import { SysError } from '../../errors.ts';
import { type FdMessage, MAX_FD_MESSAGE, SCM_MAX_FD, UNIX_PATH_MAX } from '../../sys/kernel.ts';
import { errno } from '../../uapi/errno.ts';
import { cStringBytes } from './attr.ts';
import type { Ffi } from './ffi.ts';
import { align8, type Memory } from './memory.ts';
import { check } from './syscall.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PASSCRED = 16;
const SCM_RIGHTS = 1;
const SCM_CREDENTIALS = 2;
const MSG_CTRUNC = 0x08;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

// The layouts are those of all 64-bit machines.
/** struct msghdr: name and its length, the iovecs and how many, the control messages and their bytes, flags. */
const MSGHDR = { size: 56, name: 0, namelen: 8, iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48 };
/** struct iovec: address, length. */
const IOVEC = { size: 16, base: 0, len: 8 };
/** struct cmsghdr, and then its data: length with the header, level, type. The next one begins on a multiple of 8. */
const CMSGHDR = { size: 16, len: 0, level: 8, type: 12 };
/** struct sockaddr_un: u16 family, and the path. */
const SOCKADDR_UN = { size: 2 + UNIX_PATH_MAX, path: 2 };
/** struct ucred: pid, uid, gid. */
const UCRED_SIZE = 12;
/** Room for the sender, and as many fds as there can be. */
const CONTROL_SIZE = CMSGHDR.size + align8(UCRED_SIZE) + CMSGHDR.size + align8(4 * SCM_MAX_FD);

/** A datagram socket at `path`, which is told who sends. */
export function bindFds(ffi: Ffi, memory: Memory, path: string): number {
  const { libc } = ffi;
  const address = addressBytes('bind', path);
  const fd = check(ffi, libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket', 'AF_UNIX');
  try {
    memory.reset(align8(4) + align8(address.length));
    const one = memory.address + memory.put(Uint8Array.of(1, 0, 0, 0));
    check(ffi, libc.setsockopt(fd, SOL_SOCKET, SO_PASSCRED, one, 4), 'setsockopt', 'SO_PASSCRED');
    check(ffi, libc.bind(fd, memory.address + memory.put(address), address.length), 'bind', path);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Sends one datagram to the socket at `path`, without waiting. */
export function sendFds(ffi: Ffi, memory: Memory, path: string, data: Uint8Array, fds: readonly number[]): void {
  const { libc } = ffi;
  const address = addressBytes('sendmsg', path);
  if (!(data instanceof Uint8Array))
    throw new SysError(errno.EFAULT, 'sendmsg', { detail: 'the data are no Uint8Array' });
  if (data.length > MAX_FD_MESSAGE) throw new SysError(errno.EMSGSIZE, 'sendmsg', { what: path });
  if (fds.length > SCM_MAX_FD) {
    throw new SysError(errno.EINVAL, 'sendmsg', { detail: `one message carries ${SCM_MAX_FD} fds, not ${fds.length}` });
  }
  const control = rightsBytes(fds);
  const message = layOut(memory, { address, data: data.length, control: control.length });
  memory.bytes.set(address, message.address);
  memory.bytes.set(data, message.data);
  memory.bytes.set(control, message.control);
  const fd = check(ffi, libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket', 'AF_UNIX');
  try {
    const sent = libc.sendmsg(fd, memory.address + message.at, MSG_DONTWAIT | MSG_NOSIGNAL);
    check(ffi, sent, 'sendmsg', path);
  } finally {
    libc.close(fd);
  }
}

/** Receives one datagram, without waiting. The fds are not inherited by programs that this process starts. */
export function receiveFds(ffi: Ffi, memory: Memory, fd: number): Omit<FdMessage, 'fds'> & { readonly fds: number[] } {
  const message = layOut(memory, { address: undefined, data: MAX_FD_MESSAGE, control: CONTROL_SIZE });
  const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
  const length = check(ffi, ffi.libc.recvmsg(fd, memory.address + message.at, flags), 'recvmsg', `fd ${fd}`);
  const { view } = memory;
  const controlLength = Number(view.getBigUint64(message.at + MSGHDR.controllen, true));
  const control = memory.bytes.slice(message.control, message.control + Math.min(controlLength, CONTROL_SIZE));
  return {
    data: memory.bytes.slice(message.data, message.data + Math.min(length, MAX_FD_MESSAGE)),
    truncated: (view.getInt32(message.at + MSGHDR.flags, true) & (MSG_TRUNC | MSG_CTRUNC)) !== 0,
    ...readControl(control),
  };
}

interface Sizes {
  readonly address: Uint8Array | undefined;
  readonly data: number;
  readonly control: number;
}

/** A struct msghdr that points to room for everything else; all zero but for that. Offsets in the memory. */
function layOut(
  memory: Memory,
  { address, data, control }: Sizes,
): Record<'at' | 'address' | 'data' | 'control', number> {
  const nameLength = address?.length ?? 0;
  const total = [MSGHDR.size, IOVEC.size, nameLength, data, control].reduce((sum, size) => sum + align8(size), 0);
  memory.reset(total);
  const at = memory.take(MSGHDR.size);
  const iov = memory.take(IOVEC.size);
  const place = { at, address: memory.take(nameLength), data: memory.take(data), control: memory.take(control) };
  memory.bytes.fill(0, at, at + total);
  const { view } = memory;
  if (nameLength > 0) memory.setAddress(at + MSGHDR.name, place.address);
  view.setUint32(at + MSGHDR.namelen, nameLength, true);
  memory.setAddress(at + MSGHDR.iov, iov);
  view.setBigUint64(at + MSGHDR.iovlen, 1n, true);
  memory.setAddress(iov + IOVEC.base, place.data);
  view.setBigUint64(iov + IOVEC.len, BigInt(data), true);
  if (control > 0) memory.setAddress(at + MSGHDR.control, place.control);
  view.setBigUint64(at + MSGHDR.controllen, BigInt(control), true);
  return place;
}

function addressBytes(syscall: string, path: string): Uint8Array {
  const text = cStringBytes(syscall, 'a path', path);
  if (text.length > UNIX_PATH_MAX) {
    throw new SysError(errno.ENAMETOOLONG, syscall, {
      what: path,
      detail: `the path of a socket has ${UNIX_PATH_MAX - 1} bytes at most`,
    });
  }
  // An empty path is one of the abstract names, which are nobody's file.
  if (text.length === 1) throw new SysError(errno.ENOENT, syscall, { what: 'an empty path' });
  const address = new Uint8Array(SOCKADDR_UN.size);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(text, SOCKADDR_UN.path);
  return address;
}

function rightsBytes(fds: readonly number[]): Uint8Array {
  if (fds.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(CMSGHDR.size + align8(4 * fds.length));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(CMSGHDR.len, BigInt(CMSGHDR.size + 4 * fds.length), true);
  view.setInt32(CMSGHDR.level, SOL_SOCKET, true);
  view.setInt32(CMSGHDR.type, SCM_RIGHTS, true);
  for (const [i, fd] of fds.entries()) view.setInt32(CMSGHDR.size + 4 * i, fd, true);
  return bytes;
}

/** What the kernel has put into the room for control messages. */
function readControl(bytes: Uint8Array): { fds: number[]; sender: FdMessage['sender'] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fds: number[] = [];
  let sender: FdMessage['sender'];
  for (let at = 0; at + CMSGHDR.size <= bytes.length; ) {
    const length = Number(view.getBigUint64(at + CMSGHDR.len, true));
    const end = Math.min(at + length, bytes.length);
    if (length < CMSGHDR.size) break;
    const start = at + CMSGHDR.size;
    const type = view.getInt32(at + CMSGHDR.level, true) === SOL_SOCKET ? view.getInt32(at + CMSGHDR.type, true) : 0;
    if (type === SCM_RIGHTS) for (let i = start; i + 4 <= end; i += 4) fds.push(view.getInt32(i, true));
    if (type === SCM_CREDENTIALS && start + UCRED_SIZE <= end) {
      const [pid, uid, gid] = [
        view.getInt32(start, true),
        view.getUint32(start + 4, true),
        view.getUint32(start + 8, true),
      ];
      sender = { pid, uid, gid };
    }
    at += align8(length);
  }
  return { fds, sender };
}
