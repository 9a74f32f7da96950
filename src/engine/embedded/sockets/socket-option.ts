import { errno } from '../../../uapi/errno.ts';
import { checkGetsockopt, checkSetsockopt } from '../cgroups/sockopt.ts';
import { IPPROTO_TCP } from '../inet/packet.ts';
import { TCP_CONGESTION } from './program-options.ts';
import type { Socket, SocketOptions } from './socket.ts';

const SOL_SOCKET = 1;
const INT = 4;
/** Bytes of the name of a congestion control with its NUL. */
const TCP_CA_NAME_MAX = 16;

/** The options that are numbers, by their name at SOL_SOCKET. */
// biome-ignore format: aligned table
const NUMBERS: ReadonlyMap<number, { readonly name: keyof SocketOptions; readonly flag: boolean }> = new Map([
  [2,  { name: 'reuseAddress', flag: true }],
  [6,  { name: 'broadcast', flag: true }],
  [12, { name: 'priority', flag: false }],
  [15, { name: 'reusePort', flag: true }],
  [36, { name: 'mark', flag: false }],
]);

/** An option at SOL_SOCKET; `undefined` if sockets here do not have it. */
export function numberOption(socket: Socket, name: number): number | undefined {
  const option = NUMBERS.get(name);
  return option && Number(socket.options[option.name]);
}
export function storeNumberOption(socket: Socket, name: number, value: number): void {
  const option = NUMBERS.get(name);
  if (option !== undefined) Object.assign(socket.options, { [option.name]: option.flag ? value !== 0 : value });
}

function isCongestion(
  { control }: Socket,
  { level, name }: { readonly level: number; readonly name: number },
): boolean {
  return control !== undefined && level === IPPROTO_TCP && name === TCP_CONGESTION;
}

/** TCP_CONGESTION: by its name, as far as that is bytes. 0 or -errno. */
export function chooseCongestion({ control }: Socket, bytes: Uint8Array): number {
  if (bytes.length === 0) return -errno.EINVAL;
  const [name = ''] = String.fromCharCode(...bytes.subarray(0, TCP_CA_NAME_MAX - 1)).split('\0');
  return control?.choose(name) ?? -errno.ENOPROTOOPT;
}

/** setsockopt(2), past the programs of the socket's cgroup: 0 or -errno. */
export function setOption(socket: Socket, level: number, name: number, value: Uint8Array): number {
  const checked = checkSetsockopt(socket.network.machine, socket.cgroup, socket, { level, name, value });
  if (checked === 'done') return 0;
  if (typeof checked === 'number') return checked;
  if (isCongestion(socket, checked)) return chooseCongestion(socket, checked.value);
  if (checked.level !== SOL_SOCKET || !NUMBERS.has(checked.name)) return -errno.ENOPROTOOPT;
  if (checked.value.length < INT) return -errno.EINVAL;
  const { buffer, byteOffset } = checked.value;
  storeNumberOption(socket, checked.name, new DataView(buffer, byteOffset).getInt32(0, true));
  return 0;
}

/** getsockopt(2) into `buffer`: the bytes that the caller gets, or -errno. */
export function getOption(socket: Socket, level: number, name: number, buffer: Uint8Array): Uint8Array | number {
  const value = buffer.slice();
  const place = { level, name, value };
  if (isCongestion(socket, place)) {
    value.fill(0, 0, TCP_CA_NAME_MAX).set(new TextEncoder().encode(socket.control?.name).subarray(0, value.length));
    const length = Math.min(value.length, TCP_CA_NAME_MAX);
    return checkGetsockopt(socket.network.machine, socket.cgroup, socket, place, length, 0);
  }
  const option = level === SOL_SOCKET ? numberOption(socket, name) : undefined;
  const length = Math.min(value.length, INT);
  if (option !== undefined) value.set(new Uint8Array(Int32Array.of(option).buffer).subarray(0, length));
  const retval = option === undefined ? -errno.ENOPROTOOPT : 0;
  return checkGetsockopt(socket.network.machine, socket.cgroup, socket, place, length, retval);
}
