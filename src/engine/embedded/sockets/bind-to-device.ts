import { errno } from '../../../uapi/errno.ts';
import type { Socket } from './socket.ts';

export const SO_BINDTODEVICE = 25;
/** Bytes of a device's name with its NUL. */
const IFNAMSIZ = 16;

/** Only what comes by this device is for the socket, and only by it does it send; an empty name takes that back. 0 or -errno. */
export function bindToDevice(socket: Socket, value: Uint8Array): number {
  const [name = ''] = String.fromCharCode(...value.subarray(0, IFNAMSIZ - 1)).split('\0');
  const device = name === '' ? undefined : socket.network.deviceByName(name);
  if (name !== '' && device === undefined) return -errno.ENODEV;
  socket.options.boundDevice = device?.ifindex ?? 0;
  return 0;
}

/** With its NUL; nothing where there is none. */
export function boundDeviceName(socket: Socket, size: number): Uint8Array | number {
  if (socket.options.boundDevice === 0) return new Uint8Array(0);
  if (size < IFNAMSIZ) return -errno.EINVAL;
  const name = socket.device?.name;
  return name === undefined ? -errno.ENODEV : new TextEncoder().encode(`${name}\0`);
}
