import { errno } from '../../../uapi/errno.ts';
import type { BpfMap } from '../maps/map.ts';
import { SocketMap } from '../maps/socket-map.ts';
import type { Device } from '../net/device.ts';
import type { Network } from '../net/network.ts';
import type { Socket } from '../sockets/socket.ts';

/** The choice of a socket among those that share a port. */
export class ReuseportSelection {
  readonly kind = 'sk_reuseport';
  readonly netns: Network;
  readonly ifindex: number;
  readonly #member: Socket;
  selected: Socket | undefined;

  /** `member`: one of the group. */
  constructor(member: Socket, device: Device) {
    this.#member = member;
    this.netns = device.network;
    this.ifindex = device.ifindex;
  }

  /** bpf_sk_select_reuseport: 0 or -errno. */
  select(map: BpfMap, key: number, flags: number): number {
    if (flags !== 0 || !(map instanceof SocketMap)) return -errno.EINVAL;
    const socket = map.socketAt(key);
    if (socket === undefined) return -errno.ENOENT;
    const { protocol, family, local, options } = this.#member;
    if (socket.protocol !== protocol) return -errno.EPROTOTYPE;
    if (socket.family !== family) return -errno.EAFNOSUPPORT;
    if (!socket.options.reusePort || socket.local.port !== local.port || !options.reusePort) return -errno.EBADFD;
    this.selected = socket;
    return 0;
  }
}
