import { errno } from '../../../uapi/errno.ts';
import { AF_INET, AF_INET6, addressSize } from '../inet/address.ts';
import { bindToDevice, SO_BINDTODEVICE } from '../sockets/bind-to-device.ts';
import {
  IPPROTO_TCP,
  programOption,
  SOL_SOCKET,
  setProgramOption,
  TCP_CONGESTION,
  TCP_SAVED_SYN,
} from '../sockets/program-options.ts';
import type { Socket } from '../sockets/socket.ts';
import { chooseCongestion } from '../sockets/socket-option.ts';
import { TcpSocket } from '../sockets/tcp-socket.ts';
import { synHeaders } from './header-option.ts';
import { type HelperEnv, helper, type Wide } from './helper.ts';
import { socketAt } from './read-argument.ts';

const INT = 4;
/** Offset of the address in a struct sockaddr_in and sockaddr_in6, and bytes of one at least. */
const SOCKADDR = { [AF_INET]: [4, 16], [AF_INET6]: [8, 24] } as const;

export const setsockopt = helper({
  id: 49,
  name: 'setsockopt',
  args: ['wide', 'anything', 'anything', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, owner, level, name, value, size) {
    const socket = socketOf(env, owner);
    if (socket === undefined) return -errno.EINVAL;
    if (isTcp(socket, level) && name === TCP_CONGESTION)
      return setCongestion(socket, env.memory.u8.subarray(value, value + size));
    if (level === SOL_SOCKET && name === SO_BINDTODEVICE)
      return bindToDevice(socket, env.memory.u8.slice(value, value + size));
    // Whoever asks for it may not say what it is.
    if (size >= INT && isTcp(socket, level) && name === TCP_SAVED_SYN) return -errno.ENOPROTOOPT;
    const done = size === INT && setProgramOption(socket, level, name, env.memory.dv.getInt32(value, true));
    return done ? 0 : -errno.EINVAL;
  },
});

/** What cannot be read is zeros. */
export const getsockopt = helper({
  id: 57,
  name: 'getsockopt',
  args: ['wide', 'anything', 'anything', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, owner, level, name, value, size) {
    env.memory.u8.fill(0, value, value + size);
    const headers = level === IPPROTO_TCP ? synHeaders(env, name) : undefined;
    if (headers !== undefined) return typeof headers === 'number' ? headers : copyHeaders(env, headers, value, size);
    const socket = socketOf(env, owner);
    if (socket === undefined) return -errno.EINVAL;
    if (isTcp(socket, level) && name === TCP_SAVED_SYN) return copySavedSyn(env, socket, value, size);
    if (isTcp(socket, level) && name === TCP_CONGESTION) return copyName(env, socket.control.name, value, size);
    const number = size === INT ? programOption(socket, level, name) : undefined;
    if (number === undefined) return -errno.EINVAL;
    env.memory.dv.setInt32(value, number, true);
    return 0;
  },
});

/** Gives a socket that is about to connect an address of its own, and a port unless that is 0. Programs for binding are not asked. */
export const bind = helper({
  id: 64,
  name: 'bind',
  args: ['ctx', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, _ctx, at, size) {
    const socket = env.subject?.kind === 'cgroup' ? env.subject.socket : undefined;
    if (socket === undefined || size < 2) return -errno.EINVAL;
    const { u8, dv } = env.memory;
    const family = dv.getUint16(at, true);
    if (family !== AF_INET && family !== AF_INET6) return -errno.EAFNOSUPPORT;
    const [offset, least] = SOCKADDR[family];
    if (size < least) return -errno.EINVAL;
    const address = u8.slice(at + offset, at + offset + addressSize(family));
    return socket.bindForConnect({ address, port: dv.getUint16(at + 2) });
  },
});

function isTcp(socket: Socket, level: number): socket is TcpSocket {
  return socket instanceof TcpSocket && level === IPPROTO_TCP;
}

function setCongestion(socket: Socket, bytes: Uint8Array): number {
  if (bytes.length < 2) return -errno.EINVAL;
  return chooseCongestion(socket, bytes);
}

/** As much as fits, with a NUL. */
function copyName({ memory }: HelperEnv, name: string, to: number, size: number): number {
  if (size < 2) return -errno.EINVAL;
  memory.u8.set(new TextEncoder().encode(name).subarray(0, size - 1), to);
  return 0;
}

/** As much as fits. */
function copyHeaders({ memory }: HelperEnv, headers: Uint8Array, to: number, size: number): number {
  memory.u8.set(headers.subarray(0, size), to);
  return headers.length > size ? -errno.ENOSPC : headers.length;
}

/** Its beginning; more than there is nobody may ask for. */
function copySavedSyn({ memory }: HelperEnv, { savedSyn: saved }: TcpSocket, to: number, size: number): number {
  if (saved === undefined || size < 1 || size > saved.bytes.length) return -errno.EINVAL;
  memory.u8.set(saved.bytes.subarray(0, size), to);
  return 0;
}

/** By the context of a call on a socket, or by a struct bpf_sock. */
function socketOf(env: HelperEnv, { low, high }: Wide): Socket | undefined {
  if (high !== 0) return undefined;
  const socket = low === env.context && env.subject?.kind === 'cgroup' ? env.subject.socket : socketAt(env, low);
  return socket?.requested ? undefined : socket;
}
