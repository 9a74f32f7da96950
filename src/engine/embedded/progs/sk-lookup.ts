import { bpfSkLookup } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import { AF_INET } from '../inet/address.ts';
import type { Device } from '../net/device.ts';
import type { Network } from '../net/network.ts';
import type { Flow } from '../sockets/endpoint.ts';
import type { Socket } from '../sockets/socket.ts';

const REPLACE = 1;
const NO_REUSEPORT = 2;

/** A lookup of a socket that programs have a word in: what is looked for, and what they chose. */
export class SkLookup {
  readonly kind = 'sk_lookup';
  readonly netns: Network;
  readonly ifindex: number;
  readonly #flow: Flow;
  selected: Socket | undefined;
  /** The choice is final, also if it shares its port. */
  noReuseport = false;

  constructor(flow: Flow, device: Device) {
    this.netns = device.network;
    this.ifindex = device.ifindex;
    this.#flow = flow;
  }

  /** bpf_sk_assign: 0 or -errno. */
  assign(socket: Socket | undefined, flags: number): number {
    if (flags > (REPLACE | NO_REUSEPORT)) return -errno.EINVAL;
    if (socket !== undefined) {
      const ready = socket.type === 2 ? socket.bound && !socket.connected : socket.listening;
      if (!ready) return -errno.ESOCKTNOSUPPORT;
      if (socket.protocol !== this.#flow.protocol) return -errno.EPROTOTYPE;
      if (socket.family !== this.#flow.family && (socket.family === AF_INET || socket.v6Only))
        return -errno.EAFNOSUPPORT;
    }
    if (this.selected !== undefined && (flags & REPLACE) === 0) return -errno.EEXIST;
    this.selected = socket;
    this.noReuseport = (flags & NO_REUSEPORT) !== 0;
    return 0;
  }

  /** The struct bpf_sk_lookup. */
  context(): Uint8Array {
    const { family, protocol, local, remote } = this.#flow;
    const addresses =
      local.address.length === 4
        ? { remote_ip4: word(remote.address), local_ip4: word(local.address) }
        : { remote_ip6: remote.address, local_ip6: local.address };
    return bpfSkLookup.encode({
      family,
      protocol,
      remote_port: ((remote.port & 0xff) << 8) | (remote.port >> 8),
      local_port: local.port,
      ingress_ifindex: this.ifindex,
      ...addresses,
    });
  }
}

/** As it lies in memory. */
function word(address: Uint8Array): number {
  return new DataView(address.buffer, address.byteOffset, 4).getUint32(0, true);
}
