import {
  AF_INET,
  AF_INET6,
  type Family,
  isMapped,
  isUnspecified,
  mapped,
  sameAddress,
  unmapped,
} from '../inet/address.ts';
import type { Device } from '../net/device.ts';
import type { Flow } from './endpoint.ts';
import type { Socket } from './socket.ts';

/** Whether a datagram or segment to this end may be for the socket. The higher, the better; -1: no. One of the packet's own family comes before one that takes both. */
export function scoreOf(socket: Socket, { family, protocol, local, remote }: Flow, device: Device): number {
  if (protocol !== socket.protocol || local.port !== socket.local.port || !takes(socket, family)) return -1;
  let score = family === socket.family ? 1 : 0;
  const at = unmapped(socket.local.address);
  if (!isUnspecified(at)) {
    if (!sameAddress(at, local.address)) return -1;
    score += 2;
  }
  if (socket.connected) {
    const from = socket.remote;
    if (from.port !== remote.port || !sameAddress(unmapped(from.address), remote.address)) return -1;
    score += 4;
  }
  const { boundDevice } = socket.options;
  if (boundDevice !== 0) {
    if (boundDevice !== device.ifindex) return -1;
    score += 2;
  }
  return score;
}

/** Whether packets of this family can be for it, as far as its own and its address say. */
function takes({ isIpv4, v6Only }: Socket, family: Family): boolean {
  if (isIpv4) return family === AF_INET;
  return family === AF_INET6 || !v6Only;
}

/** Whether some packet could be for both, if they had the same port. `address`: where `socket` would be. */
export function overlap(socket: Socket, address: Uint8Array, other: Socket): boolean {
  const [a, b] = [socket.options.boundDevice, other.options.boundDevice];
  if (a !== 0 && b !== 0 && a !== b) return false;
  const [here, there] = [mapped(address), mapped(other.local.address)];
  if (isMapped(here) && isMapped(there))
    return isUnspecified(unmapped(here)) || isUnspecified(unmapped(there)) || sameAddress(here, there);
  if (isUnspecified(here)) return !(socket.v6Only && isMapped(there));
  if (isUnspecified(there)) return !(other.v6Only && isMapped(here));
  return sameAddress(here, there);
}
