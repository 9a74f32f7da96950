import { errno } from '../../../uapi/errno.ts';
import { checkGetsockopt, checkSetsockopt, type SocketOption } from '../cgroups/sockopt.ts';
import { AF_INET, AF_INET6 } from '../inet/address.ts';
import { bindToDevice, boundDeviceName, SO_BINDTODEVICE } from './bind-to-device.ts';
import {
  IPPROTO_IPV6,
  IPPROTO_TCP,
  programOption,
  SOL_SOCKET,
  setProgramOption,
  TCP_CONGESTION,
  TCP_SAVED_SYN,
} from './program-options.ts';
import type { Socket } from './socket.ts';
import { TcpSocket } from './tcp-socket.ts';

const SO_BROADCAST = 6;
const IPV6_V6ONLY = 26;
const INT = 4;
/** Bytes of the name of a congestion control with its NUL. */
const TCP_CA_NAME_MAX = 16;
/** From here on options are for programs alone. */
const FIRST_OF_PROGRAMS = 1000;

/** TCP_CONGESTION: by its name, as far as that is bytes. 0 or -errno. */
export function chooseCongestion({ control }: Socket, bytes: Uint8Array): number {
  if (bytes.length === 0) return -errno.EINVAL;
  const [name = ''] = String.fromCharCode(...bytes.subarray(0, TCP_CA_NAME_MAX - 1)).split('\0');
  return control?.choose(name) ?? -errno.ENOPROTOOPT;
}

function isCongestion({ control }: Socket, level: number, name: number): boolean {
  return control !== undefined && level === IPPROTO_TCP && name === TCP_CONGESTION;
}

/** setsockopt(2), past the programs of the socket's cgroup: 0 or -errno. */
export function setOption(socket: Socket, level: number, name: number, value: Uint8Array): number {
  const checked = checkSetsockopt(socket.network.machine, socket.cgroup, socket, { level, name, value });
  if (checked === 'done') return 0;
  return typeof checked === 'number' ? checked : storeOption(socket, checked);
}

function storeOption(socket: Socket, { level, name, value }: SocketOption): number {
  if (level === SOL_SOCKET && name === SO_BINDTODEVICE) return bindToDevice(socket, value);
  if (isCongestion(socket, level, name)) return chooseCongestion(socket, value);
  if (!isNumber(socket, level, name)) return -errno.ENOPROTOOPT;
  if (value.length < INT) return -errno.EINVAL;
  const number = new DataView(value.buffer, value.byteOffset).getInt32(0, true);
  if (isV6Only(socket, level, name)) {
    if (socket.bound) return -errno.EINVAL;
    socket.v6Only = number !== 0;
  } else if (level === SOL_SOCKET && name === SO_BROADCAST) socket.options.broadcast = number !== 0;
  else if (!setProgramOption(socket, level, name, number)) return -errno.EINVAL;
  return 0;
}

/** getsockopt(2) into `buffer`: the bytes that the caller gets, or -errno. */
export function getOption(socket: Socket, level: number, name: number, buffer: Uint8Array): Uint8Array | number {
  const found = readOption(socket, level, name, buffer.length);
  const value = buffer.slice();
  const [length, retval] = typeof found === 'number' ? [Math.min(value.length, INT), found] : [found.length, 0];
  if (typeof found !== 'number') value.set(found);
  return checkGetsockopt(socket.network.machine, socket.cgroup, socket, { level, name, value }, length, retval);
}

/** Its value, not more than `size` bytes, or -errno. */
function readOption(socket: Socket, level: number, name: number, size: number): Uint8Array | number {
  if (level === SOL_SOCKET && name === SO_BINDTODEVICE) return boundDeviceName(socket, size);
  if (level === IPPROTO_TCP && name === TCP_SAVED_SYN && socket instanceof TcpSocket) return takeSyn(socket, size);
  if (isCongestion(socket, level, name)) return nameBytes(socket.control?.name ?? '').subarray(0, size);
  if (level !== SOL_SOCKET && level !== socket.protocol && socket.family === AF_INET) return -errno.EOPNOTSUPP;
  if (!isNumber(socket, level, name)) return -errno.ENOPROTOOPT;
  return new Uint8Array(Int32Array.of(readNumber(socket, level, name)).buffer).subarray(0, size);
}

function readNumber(socket: Socket, level: number, name: number): number {
  if (level === SOL_SOCKET && name === SO_BROADCAST) return Number(socket.options.broadcast);
  if (isV6Only(socket, level, name)) return Number(socket.v6Only);
  return programOption(socket, level, name) ?? 0;
}

function isV6Only({ family }: Socket, level: number, name: number): boolean {
  return family === AF_INET6 && level === IPPROTO_IPV6 && name === IPV6_V6ONLY;
}

function isNumber(socket: Socket, level: number, name: number): boolean {
  if ((level === SOL_SOCKET && name === SO_BROADCAST) || isV6Only(socket, level, name)) return true;
  const known = level === SOL_SOCKET || level === IPPROTO_TCP;
  return known && name < FIRST_OF_PROGRAMS && programOption(socket, level, name) !== undefined;
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(TCP_CA_NAME_MAX);
  bytes.set(new TextEncoder().encode(name).subarray(0, TCP_CA_NAME_MAX - 1));
  return bytes;
}

/** The SYN that was kept, once; nothing where there is none. */
function takeSyn(socket: TcpSocket, size: number): Uint8Array | number {
  const { savedSyn } = socket;
  if (savedSyn === undefined) return new Uint8Array(0);
  if (savedSyn.bytes.length > size) return -errno.EINVAL;
  socket.savedSyn = undefined;
  return savedSyn.bytes;
}
